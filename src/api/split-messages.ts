import type { WireMessage, WirePart } from '../protocol/chat.ts'
import { invalidRequestError } from '../util/errors.ts'
import type { ImageInput, VideoInput } from './media-types.ts'
import type { ChatMessage } from './prompts.ts'

/** A conversation with its media taken out, each list in the order of its placeholders. */
export interface SplitMessages {
  messages: WireMessage[]
  images: ImageInput[]
  imageUuids: (string | null)[]
  videos: VideoInput[]
  videoUuids: (string | null)[]
}

const roles = ['system', 'developer', 'user', 'assistant', 'tool']
const partTypes = 'text, image, image_url, video'

/**
 * Takes the media out of messages, leaving a placeholder part for each. Errors: InvalidRequestError naming the message and the part by
 * their place, what stands there and what may.
 */
export function splitMessages(messages: readonly ChatMessage[]): SplitMessages {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw invalidRequestError("messages is empty; give at least one, such as { role: 'user', content: 'Hello' }.")
  }
  const split: SplitMessages = { messages: [], images: [], imageUuids: [], videos: [], videoUuids: [] }
  for (const [i, message] of messages.entries()) split.messages.push(splitMessage(message, `messages[${i}]`, split))
  return split
}

function splitMessage(message: ChatMessage, at: string, split: SplitMessages): WireMessage {
  if (typeof message !== 'object' || message === null) {
    throw invalidRequestError(`${at} is ${show(message)}; a message is an object with role and content.`)
  }
  const { role, content } = message
  if (!roles.includes(role)) throw invalidRequestError(`${at}.role is ${show(role)}; allowed are ${roles.join(', ')}.`)
  if (typeof content === 'string') return { ...message, content }
  // An assistant's turn of tool calls has no content.
  if (content == null && role === 'assistant') return { ...message, content: '' }
  if (!Array.isArray(content)) throw invalidRequestError(`${at}.content is ${show(content)}; it must be a string or a list of parts.`)
  return { ...message, content: content.map((part, i) => splitPart(part, `${at}.content[${i}]`, split)) }
}

function splitPart(part: unknown, at: string, split: SplitMessages): WirePart {
  if (typeof part === 'string') return { type: 'text', text: part }
  if (typeof part !== 'object' || part === null) throw invalidRequestError(`${at} is ${show(part)}; a part is an object with a type.`)
  const fields = part as Readonly<Record<string, unknown>>
  const { type, uuid } = fields
  if (uuid != null && typeof uuid !== 'string') throw invalidRequestError(`${at}.uuid is ${show(uuid)}; it must be a string.`)
  if (type === 'text') {
    if (typeof fields['text'] !== 'string') throw invalidRequestError(`${at}.text is ${show(fields['text'])}; it must be a string.`)
    return { type: 'text', text: fields['text'] }
  }
  if (type === 'image' || type === 'image_url') {
    split.images.push(type === 'image' ? required<ImageInput>(fields, 'image', at) : imageUrl(fields, at))
    split.imageUuids.push(uuid ?? null)
    return { type: 'image' }
  }
  if (type === 'video') {
    split.videos.push(required<VideoInput>(fields, 'video', at))
    split.videoUuids.push(uuid ?? null)
    return { type: 'video' }
  }
  if (type === 'video_url') {
    throw invalidRequestError(`${at} is a video_url, which cannot be read yet; give the clip's frames: { type: 'video', video: [frames] }.`)
  }
  throw invalidRequestError(`${at}.type is ${show(type)}; allowed are ${partTypes}.`)
}

function required<T>(fields: Readonly<Record<string, unknown>>, key: string, at: string): T {
  if (fields[key] == null) throw invalidRequestError(`${at}.${key} is missing; a part of type '${key}' carries it.`)
  return fields[key] as T
}

function imageUrl(fields: Readonly<Record<string, unknown>>, at: string): string {
  const url: unknown = (fields['image_url'] as { url?: unknown } | null | undefined)?.url
  if (typeof url === 'string') return url
  throw invalidRequestError(`${at}.image_url is ${show(fields['image_url'])}; it must be an object such as { url: 'https://…' }.`)
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
