import * as v from 'valibot'
import type { EngineRequest, ModelInfo } from '../protocol/engine-api.ts'
import type { SamplingParams, StructuredOutputs } from '../protocol/sampling.ts'
import type { ChatForm } from './chat-answer.ts'
import { type Conversation, readMessages } from './chat-messages.ts'
import { chatOptions, sharedFields } from './engine-request.ts'
import { wrongField } from './errors.ts'
import { checkStreaming, commonEntries, fields, flag, parseBody, text } from './request-schema.ts'
import { logprobCount, samplingEntries, samplingOf } from './sampling-fields.ts'
import { structuredEntries, structuredOf } from './structured-fields.ts'
import { planTools, type ToolPlan } from './tools/plan-tools.ts'

/** The messages and the options of the chat template, as chat and tokenize take them. */
export const conversationEntries = {
  messages: v.pipe(
    v.array(v.looseObject({}, 'an object with role and content'), 'a list of messages'),
    v.nonEmpty('a list of at least one message'),
  ),
  // Read with tool_choice, by tools/.
  tools: v.optional(v.unknown()),
  chat_template: v.nullish(text),
  chat_template_kwargs: v.nullish(fields),
  add_generation_prompt: v.nullish(flag),
  continue_final_message: v.nullish(flag),
  documents: v.nullish(v.array(v.unknown(), 'a list')),
}

const chatSchema = v.looseObject({
  ...commonEntries,
  ...samplingEntries,
  ...structuredEntries,
  ...conversationEntries,
  logprobs: v.nullish(flag),
  top_logprobs: v.nullish(logprobCount),
})

/** A chat request, checked. */
export type ChatBody = v.InferOutput<typeof chatSchema>

/** Checks the body of a chat request as far as that can be done without a model. Errors: InvalidRequestError. */
export function parseChatBody(given: Readonly<Record<string, unknown>>): ChatBody {
  const body = parseBody(chatSchema, given)
  checkStreaming(body)
  if (body.top_logprobs && !body.logprobs)
    throw wrongField('top_logprobs', 'top_logprobs can only be given with logprobs: true; set that or leave them out.')
  if (body.add_special_tokens)
    throw wrongField('add_special_tokens', 'add_special_tokens is true, but the chat template writes the special tokens; leave it out.')
  return body
}

/** What a chat request comes to for a model: what the engine gets, and how its answer is written. */
export interface ChatPlan {
  request: EngineRequest
  form: ChatForm
}

/** Errors: InvalidRequestError with the path of what the model cannot be given. */
export function planChat(id: string, body: ChatBody, model: ModelInfo): ChatPlan {
  const conversation = readMessages(body.messages, model)
  // A template of the request's own decides in place of the model's.
  const tools = planTools({ ...body, format: model.tool_format })
  const structured = formOf(body, tools)
  const request: EngineRequest = {
    request_id: id,
    input: {
      messages: conversation.messages,
      chat: { ...chatOptions(body), ...(tools.templateTools && { tools: tools.templateTools }) },
    },
    media: conversation.media,
    sampling: { ...chatSampling(body, tools), ...(structured && { structured_outputs: structured }) },
    ...sharedFields(body),
  }
  return { request, form: { ...answerForm(body, conversation), parser: () => tools.parser() } }
}

function formOf(body: ChatBody, tools: ToolPlan): StructuredOutputs | undefined {
  const asked = structuredOf(body)
  if (asked && tools.structured) {
    const field = body.response_format ? 'response_format' : 'structured_outputs'
    throw wrongField(field, `${field} is given beside a tool_choice that makes the answer a tool call; give one of them.`)
  }
  return asked ?? tools.structured
}

function chatSampling(body: ChatBody, tools: ToolPlan): SamplingParams {
  return {
    ...(tools.keepsSpecialTokens && { skip_special_tokens: false }),
    ...samplingOf(body),
    ...(body.logprobs && { logprobs: body.top_logprobs ?? 0 }),
  }
}

function answerForm(body: ChatBody, { messages }: Conversation): Omit<ChatForm, 'parser'> {
  const last = messages.at(-1)
  const continued = body.add_generation_prompt === false || (body.continue_final_message ?? false)
  const role = continued ? (last?.role ?? 'assistant') : 'assistant'
  const content = last?.role === role ? last.content : ''
  const spoken = typeof content === 'string' ? content : content.map((part) => (part.type === 'text' ? part.text : '')).join('')
  return {
    role,
    echo: body.echo ? spoken : '',
    topLogprobs: body.logprobs ? (body.top_logprobs ?? 0) : undefined,
    tokensAsIds: body.return_tokens_as_token_ids ?? false,
    returnTokenIds: body.return_token_ids ?? false,
  }
}
