import type { ChatOptions } from '../protocol/chat.ts'
import type { EngineRequest } from '../protocol/engine-api.ts'

/** Fields that requests to the engine have by the same names as bodies of the wire. */
type SharedFields = Pick<EngineRequest, 'mm_processor_kwargs' | 'media_io_kwargs' | 'cache_salt' | 'priority'>

/** The fields of a body that has been checked, null meaning left out. */
type Nullable<T> = { [K in keyof T]?: T[K] | null | undefined }

type Given<T> = { [K in keyof T]: NonNullable<T[K]> }

function pick<T extends object>(from: Nullable<T>, names: readonly (keyof T & string)[]): Partial<Given<T>> {
  return Object.fromEntries(names.map((name) => [name, from[name]]).filter(([, value]) => value != null)) as Partial<Given<T>>
}

/** What goes to the engine as the body has it. */
export const sharedFields = (body: Nullable<SharedFields>): SharedFields =>
  pick<SharedFields>(body, ['mm_processor_kwargs', 'media_io_kwargs', 'cache_salt', 'priority'])

/** The options of the chat template in a body. `documents` is a variable of the template like others. */
export function chatOptions(body: Nullable<Omit<ChatOptions, 'tools'>> & { documents?: unknown }): ChatOptions {
  const { documents, chat_template_kwargs } = body
  return {
    ...pick<ChatOptions>(body, ['chat_template', 'add_generation_prompt', 'continue_final_message']),
    ...((documents != null || chat_template_kwargs != null) && {
      chat_template_kwargs: { ...(documents != null && { documents }), ...chat_template_kwargs },
    }),
  }
}
