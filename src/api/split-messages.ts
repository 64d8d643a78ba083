import type { WireMessage, WirePart } from '../protocol/chat.ts'
import type { Modality } from '../protocol/media.ts'
import { invalidRequestError } from '../util/errors.ts'
import type { ChatMessage } from './prompts.ts'

/** A medium of a conversation: what stands in the part, null where only its name does. What it may be is for captureMedia to say. */
export interface SplitMedia {
  kind: Modality
  content: unknown
  uuid: string | null
}

/** A conversation with its media taken out, in the order of their placeholders. */
export interface SplitMessages {
  messages: WireMessage[]
  media: SplitMedia[]
}

type Fields = Readonly<Record<string, unknown>>

const roles = ['system', 'developer', 'user', 'assistant', 'tool']

/** Parts that carry media: what they stand for, and how the content is read from the field of the part's own name. */
const mediaParts: Readonly<Record<string, readonly [kind: Modality, read: (value: unknown, at: string) => unknown]>> = {
  image: ['image', (value) => value],
  image_url: ['image', readUrl],
  video: ['video', (value) => value],
  video_url: ['video', readUrl],
  audio: ['audio', (value) => value],
  audio_url: ['audio', readUrl],
  input_audio: ['audio', readSound],
}

/**
 * Takes the media out of messages, leaving a placeholder part for each. Errors: InvalidRequestError naming the message and the part by
 * their place, what stands there and what may.
 */
export function splitMessages(messages: readonly ChatMessage[]): SplitMessages {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw invalidRequestError("messages is empty; give at least one, such as { role: 'user', content: 'Hello' }.")
  }
  const media: SplitMedia[] = []
  return { messages: messages.map((message, i) => splitMessage(message, `messages[${i}]`, media)), media }
}

function splitMessage(message: ChatMessage, at: string, media: SplitMedia[]): WireMessage {
  if (typeof message !== 'object' || message === null) {
    throw invalidRequestError(`${at} is ${show(message)}; a message is an object with role and content.`)
  }
  const { role, content } = message
  if (!roles.includes(role)) throw invalidRequestError(`${at}.role is ${show(role)}; allowed are ${roles.join(', ')}.`)
  if (typeof content === 'string') return { ...message, content }
  // An assistant's turn of tool calls has no content.
  if (content == null && role === 'assistant') return { ...message, content: '' }
  if (!Array.isArray(content)) throw invalidRequestError(`${at}.content is ${show(content)}; it must be a string or a list of parts.`)
  return { ...message, content: content.map((part, i) => splitPart(part, `${at}.content[${i}]`, media)) }
}

function splitPart(part: unknown, at: string, media: SplitMedia[]): WirePart {
  if (typeof part === 'string') return { type: 'text', text: part }
  if (typeof part !== 'object' || part === null) throw invalidRequestError(`${at} is ${show(part)}; a part is an object with a type.`)
  const fields = part as Fields
  const { type } = fields
  if (type === 'text') {
    if (typeof fields['text'] !== 'string') throw invalidRequestError(`${at}.text is ${show(fields['text'])}; it must be a string.`)
    return { type: 'text', text: fields['text'] }
  }
  if (typeof type === 'string' && Object.hasOwn(mediaParts, type)) return splitMedium(type, fields, at, media)
  throw invalidRequestError(`${at}.type is ${show(type)}; allowed are text, ${Object.keys(mediaParts).join(', ')}.`)
}

function splitMedium(type: string, fields: Fields, at: string, media: SplitMedia[]): WirePart {
  const [kind, read] = mediaParts[type] as NonNullable<(typeof mediaParts)[string]>
  const { uuid = null, [type]: value } = fields
  if (uuid !== null && typeof uuid !== 'string') throw invalidRequestError(`${at}.uuid is ${show(uuid)}; it must be a string.`)
  if (value == null && !uuid) {
    throw invalidRequestError(
      `${at}.${type} is missing; a part of type '${type}' carries it, or the uuid of content that the engine has seen.`,
    )
  }
  media.push({ kind, content: value == null ? null : read(value, `${at}.${type}`), uuid })
  return { type: kind }
}

function readUrl(value: unknown, at: string): string {
  const url: unknown = (value as { url?: unknown }).url
  if (typeof url === 'string') return url
  throw invalidRequestError(`${at} is ${show(value)}; it must be an object such as { url: 'https://…' }.`)
}

/** OpenAI's form of sound: base64 with the name of its format. */
function readSound(value: unknown, at: string): string {
  const { data, format } = value as Fields
  if (typeof data === 'string' && typeof format === 'string') return `data:audio/${format};base64,${data}`
  throw invalidRequestError(`${at} is ${show(value)}; it must be an object such as { data: '<base64>', format: 'wav' }.`)
}

/** A value in a message, cut short. */
function show(value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch {
    // A circle: its kind must do.
  }
  return (text ?? String(value)).slice(0, 80)
}
