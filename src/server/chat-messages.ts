import type { Role, WireMessage, WirePart } from '../protocol/chat.ts'
import type { ModelInfo } from '../protocol/engine-api.ts'
import type { Modality, WireMedia } from '../protocol/media.ts'
import { showValue } from '../util/show-value.ts'
import { wrongField } from './errors.ts'
import { mediaTypes, type PartFields, readInputImage, readMediaPart } from './media-parts.ts'
import { toolCallsForTemplate } from './tools/tool-messages.ts'

/** A conversation as the engine takes it. */
export interface Conversation {
  messages: WireMessage[]
  media: WireMedia
}

/** What of the loaded model decides which messages it can be given. */
export type MessageModel = Pick<ModelInfo, 'model' | 'modalities'>

const roles: readonly string[] = ['system', 'developer', 'user', 'assistant', 'tool'] satisfies Role[]

/** Text parts, and where their text is. */
const textParts: Readonly<Record<string, string>> = {
  text: 'text',
  input_text: 'text',
  output_text: 'text',
  refusal: 'refusal',
  thinking: 'thinking',
}

/** Parts that say what they are by a field alone (vLLM). */
const telling = ['text', 'image_url', 'video_url', 'audio_url', 'input_audio', 'image_embeds', 'video_embeds', 'audio_embeds']

/** What a part says it is, unchecked. */
export const partType = (part: PartFields): unknown => part['type'] ?? telling.find((name) => name in part)

/**
 * Takes OpenAI messages apart into what the chat template sees and the media, in the order in which they stand. Further keys of a message
 * go to the template; arguments of tool calls become objects, as templates expect them.
 * Errors: InvalidRequestError with the path of what is wrong, such as messages[0].content[1].image_url.url.
 */
export function readMessages(messages: readonly PartFields[], model: MessageModel): Conversation {
  const media: WireMedia = {}
  return { messages: messages.map((message, i) => readMessage(message, `messages[${i}]`, media, model)), media }
}

function readMessage(message: PartFields, at: string, media: WireMedia, model: MessageModel): WireMessage {
  const { role } = message
  if (typeof role !== 'string' || !roles.includes(role))
    throw wrongField(`${at}.role`, `${at}.role must be one of ${roles.join(', ')}, got ${showValue(role)}.`)
  const content = readContent(message, `${at}.content`, media, model)
  return toolCallsForTemplate({ ...message, role: role as Role, content }, at)
}

function readContent({ role, content }: PartFields, at: string, media: WireMedia, model: MessageModel): string | WirePart[] {
  if (typeof content === 'string') return content
  // An assistant's turn of tool calls has no content.
  if (content == null && role === 'assistant') return ''
  if (!Array.isArray(content) || content.length === 0)
    throw wrongField(at, `${at} must be a string or a list of parts, got ${showValue(content)}.`)
  const parts = content.map((part, i) => readPart(part, `${at}[${i}]`, media, model))
  if (role === 'system' && parts.some(({ type }) => type !== 'text')) warnOfSystemMedia(at)
  return parts
}

function readPart(part: unknown, at: string, media: WireMedia, model: MessageModel): WirePart {
  if (typeof part === 'string') return { type: 'text', text: part }
  if (typeof part !== 'object' || part === null || Array.isArray(part))
    throw wrongField(at, `${at} must be an object with a type, got ${showValue(part)}.`)
  const fields = part as PartFields
  const type = partType(fields)
  const field = typeof type === 'string' && Object.hasOwn(textParts, type) ? textParts[type] : undefined
  if (field !== undefined) {
    const text = fields[field]
    if (typeof text === 'string') return { type: 'text', text }
    throw wrongField(`${at}.${field}`, `${at}.${field} must be a string, got ${showValue(text)}.`)
  }
  const modality = typeof type === 'string' ? readMedia(type, fields, at, media) : undefined
  if (modality === undefined) {
    const allowed = [...Object.keys(textParts), ...mediaTypes].join(', ')
    throw wrongField(`${at}.type`, `${at}.type must be one of ${allowed}, got ${showValue(type)}.`)
  }
  if (!model.modalities.includes(modality)) {
    const taken = ['text', ...model.modalities].join(', ')
    throw wrongField(at, `${at} is of type ${type}, but ${model.model} takes no ${modality}; it takes ${taken}.`)
  }
  return { type: modality }
}

function readMedia(type: string, part: PartFields, at: string, media: WireMedia): Modality | undefined {
  if (type !== 'input_image') return readMediaPart(type, part, at, media)
  readInputImage(part, at, media)
  return 'image'
}

let warned = false

/** OpenAI's API has text alone in system messages, vLLM takes the rest as well: so do we, but say it. */
function warnOfSystemMedia(at: string): void {
  if (!warned) console.warn(`${at} has media in a system message, which OpenAI's API does not allow and chat templates may leave out.`)
  warned = true
}
