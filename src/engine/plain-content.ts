import type { MediaKind } from '../models/family.ts'
import type { WireMessage, WirePart } from '../protocol/chat.ts'

/** The text that stands for an item in a message; number: the item's place among its kind in the conversation, from 1. */
export type Placeholder = (kind: MediaKind, number: number) => string

/**
 * Messages for chat templates that take contents as plain strings: parts become lines, an item of media the text that stands for it. A
 * message that has this text in it already, where its author wants the item, gets no other one.
 */
export function plainMessages(messages: readonly WireMessage[], placeholder: Placeholder): WireMessage[] {
  const counts: Record<MediaKind, number> = { image: 0, video: 0, audio: 0 }
  return messages.map((message) => {
    if (!Array.isArray(message.content)) return message
    const written = message.content.map((part) => (part.type === 'text' ? part.text : '')).join('\n')
    const left = new Map<string, number>()
    const lines = message.content.flatMap((part: WirePart) => {
      if (part.type === 'text') return [part.text]
      const text = placeholder(part.type, ++counts[part.type])
      const there = left.get(text) ?? written.split(text).length - 1
      left.set(text, there - 1)
      return there > 0 ? [] : [text]
    })
    return { ...message, content: lines.join('\n') }
  })
}
