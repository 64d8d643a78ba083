import { describe, expect, it } from 'vitest'
import type { ChatMessage } from '../../../src/api/prompts.ts'
import { type SplitMessages, splitMessages } from '../../../src/api/split-messages.ts'

const split = (...parts: unknown[]): SplitMessages => splitMessages([{ role: 'user', content: parts } as ChatMessage])
const url = 'https://host/file'
const samples = new Float32Array(2)

describe('splitMessages', () => {
  const rows: [part: object, kind: string, content: unknown, uuid: string | null][] = [
    [{ type: 'image', image: url }, 'image', url, null],
    [{ type: 'image_url', image_url: { url, detail: 'low' }, uuid: 'a' }, 'image', url, 'a'],
    [{ type: 'image_url', image_url: null, uuid: 'a' }, 'image', null, 'a'],
    [{ type: 'image_url', uuid: 'a' }, 'image', null, 'a'],
    [{ type: 'image', uuid: 'a' }, 'image', null, 'a'],
    [{ type: 'video', video: [url] }, 'video', [url], null],
    [{ type: 'video_url', video_url: { url } }, 'video', url, null],
    [{ type: 'video_url', uuid: 'c' }, 'video', null, 'c'],
    [{ type: 'audio', audio: [samples, 16000], uuid: null }, 'audio', [samples, 16000], null],
    [{ type: 'audio_url', audio_url: { url } }, 'audio', url, null],
    [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }, 'audio', 'data:audio/wav;base64,AAAA', null],
  ]
  for (const [part, kind, content, uuid] of rows) {
    it(`reads ${JSON.stringify(part)}`, () => {
      const { messages, media } = split(part)
      expect(messages).toEqual([{ role: 'user', content: [{ type: kind }] }])
      expect(media).toEqual([{ kind, content, uuid }])
    })
  }

  it('keeps the order of media and text over all messages', () => {
    const image = (name: string) => ({ type: 'image_url', image_url: { url: name } })
    const { messages, media } = splitMessages([
      { role: 'user', content: [image('1'), 'or', image('2')] },
      { role: 'assistant', content: null },
      { role: 'user', content: [{ type: 'text', text: 'and' }, image('3')] },
    ] as never)
    expect(media.map(({ content }) => content)).toEqual(['1', '2', '3'])
    expect(messages.map(({ content }) => content)).toEqual([
      [{ type: 'image' }, { type: 'text', text: 'or' }, { type: 'image' }],
      '',
      [{ type: 'text', text: 'and' }, { type: 'image' }],
    ])
  })

  const refused: [part: unknown, message: RegExp][] = [
    [{ type: 'image_url' }, /content\[0\]\.image_url is missing; .* or the uuid of content/],
    [{ type: 'image_url', image_url: url }, /content\[0\]\.image_url is "https.*such as \{ url/],
    [{ type: 'image_url', image_url: {}, uuid: 'a' }, /content\[0\]\.image_url is \{\}/],
    [{ type: 'image', image: url, uuid: 5 }, /content\[0\]\.uuid is 5; it must be a string/],
    [{ type: 'input_audio', input_audio: { data: 'AAAA' } }, /content\[0\]\.input_audio is \{"data":"AAAA"\}; .*format/],
    [
      { type: 'toString' },
      /content\[0\]\.type is "toString"; allowed are text, image, image_url, video, video_url, audio, audio_url, input_audio/,
    ],
  ]
  for (const [part, message] of refused) {
    it(`refuses ${JSON.stringify(part)}`, () => {
      expect(() => split(part)).toThrow(message)
    })
  }
})
