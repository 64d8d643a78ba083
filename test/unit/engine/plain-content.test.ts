import { describe, expect, it } from 'vitest'
import { plainMessages } from '../../../src/engine/plain-content.ts'
import type { MediaKind } from '../../../src/models/family.ts'
import type { WirePart } from '../../../src/protocol/chat.ts'

const numbered = (kind: MediaKind, number: number): string => `<${kind} ${number}>`
const same = (): string => '<|audio|>'
const text = (value: string): WirePart => ({ type: 'text', text: value })
const contents = (messages: (string | WirePart[])[], placeholder: typeof numbered): unknown[] =>
  plainMessages(
    messages.map((content) => ({ role: 'user', content })),
    placeholder,
  ).map(({ content }) => content)

describe('plainMessages', () => {
  it('leaves strings alone and joins parts by lines', () => {
    expect(contents(['a <|audio|>', [text('b'), text('c')]], same)).toEqual(['a <|audio|>', 'b\nc'])
  })

  it('writes a placeholder where an item stands, numbered through the conversation', () => {
    const messages = [
      [{ type: 'image' as const }, text('a'), { type: 'image' as const }],
      [text('b'), { type: 'image' as const }, { type: 'audio' as const }],
    ]
    expect(contents(messages, numbered)).toEqual(['<image 1>\na\n<image 2>', 'b\n<image 3>\n<audio 1>'])
  })

  it('leaves out what the text has already', () => {
    const audio: WirePart = { type: 'audio' }
    expect(contents([[audio, text('Listen: <|audio|>')]], same)).toEqual(['Listen: <|audio|>'])
    expect(contents([[audio, audio, text('<|audio|> first')]], same)).toEqual(['<|audio|>\n<|audio|> first'])
    expect(contents([[text('see <image 2>'), { type: 'image' }, { type: 'image' }]], numbered)).toEqual(['see <image 2>\n<image 1>'])
  })

  it('keeps the message’s other fields', () => {
    expect(plainMessages([{ role: 'user', name: 'x', content: [text('a')] }], same)).toEqual([{ role: 'user', name: 'x', content: 'a' }])
  })
})
