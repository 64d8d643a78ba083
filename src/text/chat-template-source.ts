import { invalidRequestError } from '../util/errors.ts'
import { isObject } from './special-tokens.ts'

/** Where a chat template may come from. Files are given parsed, except for the .jinja file; absent ones are left out. */
export interface ChatTemplateSources {
  /** The caller's `chat_template`: Jinja text, or the name of one of the model's templates. */
  chatTemplate?: string | undefined
  /** Text of chat_template.jinja. */
  chatTemplateJinja?: string | undefined
  /** chat_template.json: `{ chat_template }`. */
  chatTemplateJson?: unknown
  /** tokenizer_config.json: `{ chat_template }`. */
  tokenizerConfig?: unknown
}

/** A `chat_template` value is one template, a list of `{ name, template }`, or an object of templates by name. */
function readTemplates(value: unknown): Map<string, string> {
  if (typeof value === 'string') return new Map([['default', value]])
  const entries = Array.isArray(value) ? value.map((item) => [item?.name, item?.template]) : isObject(value) ? Object.entries(value) : []
  return new Map(entries.filter((entry): entry is [string, string] => entry.every((part) => typeof part === 'string')))
}

const templateField = (file: unknown): unknown => (isObject(file) ? file['chat_template'] : undefined)

/**
 * The Jinja text to render chats with: the caller's, else that of chat_template.jinja, chat_template.json or tokenizer_config.json.
 * Of several named ones it is `default`, or `tool_use` for a request with tools. Throws InvalidRequestError if there is none.
 */
export function chooseChatTemplate(sources: ChatTemplateSources, withTools = false): string {
  const values = [sources.chatTemplateJinja, templateField(sources.chatTemplateJson), templateField(sources.tokenizerConfig)]
  const named = values.map(readTemplates).find((templates) => templates.size > 0) ?? new Map<string, string>()
  if (sources.chatTemplate !== undefined) return named.get(sources.chatTemplate) ?? sources.chatTemplate

  const template = (withTools ? named.get('tool_use') : undefined) ?? named.get('default')
  if (template !== undefined) return template
  if (named.size > 0) {
    const names = [...named.keys()].map((name) => `"${name}"`).join(', ')
    throw invalidRequestError(`The model has chat templates ${names} but no "default" one; pass chat_template with one of these names.`)
  }
  throw invalidRequestError(
    'The model has no chat template (none in chat_template.jinja, chat_template.json or tokenizer_config.json), so messages cannot be ' +
      'turned into a prompt. Pass chat_template with a Jinja text, or give a finished prompt to generate.',
  )
}
