import { describe, expect, it } from 'vitest'
import type { Modality } from '../../../src/protocol/media.ts'
import { readMessages } from '../../../src/server/chat-messages.ts'

const model = (...modalities: Modality[]): { model: string; modalities: Modality[] } => ({ model: 'tiny', modalities })
const everything = model('image', 'video', 'audio')

const read = (content: unknown, of = everything): ReturnType<typeof readMessages> => readMessages([{ role: 'user', content }], of)

const cat = 'https://x/cat.png'
const wav = btoa('RIFF')

describe('content parts', () => {
  const parts: [what: string, part: unknown, wire: object, media: object][] = [
    ['text', { type: 'text', text: 'a' }, { type: 'text', text: 'a' }, {}],
    ['a bare string', 'a', { type: 'text', text: 'a' }, {}],
    ['text without a type', { text: 'a' }, { type: 'text', text: 'a' }, {}],
    ['input_text', { type: 'input_text', text: 'a' }, { type: 'text', text: 'a' }, {}],
    ['output_text', { type: 'output_text', text: 'a' }, { type: 'text', text: 'a' }, {}],
    ['refusal', { type: 'refusal', refusal: 'no' }, { type: 'text', text: 'no' }, {}],
    ['thinking', { type: 'thinking', thinking: 'hm' }, { type: 'text', text: 'hm' }, {}],
    ['image_url', { type: 'image_url', image_url: { url: cat, detail: 'low' } }, { type: 'image' }, { image: [{ kind: 'url', url: cat }] }],
    ['image_url without a type', { image_url: { url: cat } }, { type: 'image' }, { image: [{ kind: 'url', url: cat }] }],
    [
      'image_url with data',
      { type: 'image_url', image_url: { url: 'DATA:image/png;base64,AA==' } },
      { type: 'image' },
      { image: [{ kind: 'url', url: 'DATA:image/png;base64,AA==' }] },
    ],
    [
      'image_url with a blob',
      { type: 'image_url', image_url: { url: 'blob:http://x/1' } },
      { type: 'image' },
      { image: [{ kind: 'url', url: 'blob:http://x/1' }] },
    ],
    ['input_image', { type: 'input_image', image_url: cat }, { type: 'image' }, { image: [{ kind: 'url', url: cat }] }],
    ['image', { type: 'image', image: cat }, { type: 'image' }, { image: [{ kind: 'url', url: cat }] }],
    [
      'image_url with a uuid',
      { type: 'image_url', image_url: { url: cat }, uuid: 'c' },
      { type: 'image' },
      { image: [{ kind: 'url', url: cat, uuid: 'c' }] },
    ],
    ['a uuid alone', { type: 'image_url', uuid: 'c' }, { type: 'image' }, { image: [{ kind: 'cached', uuid: 'c' }] }],
    ['a uuid with null', { type: 'image_url', image_url: null, uuid: 'c' }, { type: 'image' }, { image: [{ kind: 'cached', uuid: 'c' }] }],
    ['a uuid with {}', { type: 'image_url', image_url: {}, uuid: 'c' }, { type: 'image' }, { image: [{ kind: 'cached', uuid: 'c' }] }],
    [
      'a uuid with a url of null',
      { type: 'video_url', video_url: { url: null }, uuid: 'v' },
      { type: 'video' },
      { video: [{ kind: 'cached', uuid: 'v' }] },
    ],
    [
      'a uuid of a sound',
      { type: 'input_audio', input_audio: null, uuid: 'a' },
      { type: 'audio' },
      { audio: [{ kind: 'cached', uuid: 'a' }] },
    ],
    [
      'video_url',
      { type: 'video_url', video_url: { url: 'http://x/v.mp4' } },
      { type: 'video' },
      { video: [{ kind: 'url', url: 'http://x/v.mp4' }] },
    ],
    [
      'video_url of frames',
      { type: 'video_url', video_url: { url: 'data:video/jpeg;base64,AA==,BB==' }, uuid: 'v' },
      { type: 'video' },
      {
        video: [
          {
            kind: 'frames',
            frames: [
              { kind: 'url', url: 'data:image/jpeg;base64,AA==' },
              { kind: 'url', url: 'data:image/jpeg;base64,BB==' },
            ],
            uuid: 'v',
          },
        ],
      },
    ],
    [
      'video of frames',
      { type: 'video', video: [cat, cat] },
      { type: 'video' },
      {
        video: [
          {
            kind: 'frames',
            frames: [
              { kind: 'url', url: cat },
              { kind: 'url', url: cat },
            ],
          },
        ],
      },
    ],
    ['a video file', { type: 'video', video: 'http://x/v.mp4' }, { type: 'video' }, { video: [{ kind: 'url', url: 'http://x/v.mp4' }] }],
    [
      'audio_url',
      { type: 'audio_url', audio_url: { url: 'http://x/a.wav' } },
      { type: 'audio' },
      { audio: [{ kind: 'url', url: 'http://x/a.wav' }] },
    ],
  ]
  for (const [what, part, wire, media] of parts)
    it(`reads ${what}`, () => {
      expect(read([part])).toEqual({ messages: [{ role: 'user', content: [wire] }], media })
    })

  for (const [format, type] of [
    ['wav', 'audio/wav'],
    ['mp3', 'audio/mpeg'],
    ['flac', 'audio/flac'],
    ['ogg', 'audio/ogg'],
    ['webm', 'audio/webm'],
    ['m4a', 'audio/mp4'],
    ['mp4', 'audio/mp4'],
    ['aac', 'audio/aac'],
    ['opus', 'audio/ogg'],
  ] as const)
    it(`reads input_audio in ${format}`, async () => {
      const [audio] = read([{ type: 'input_audio', input_audio: { data: wav, format } }]).media.audio ?? []
      if (audio?.kind !== 'blob') throw new Error('It is no blob.')
      expect(audio.blob.type).toBe(type)
      expect(await audio.blob.text()).toBe('RIFF')
    })

  it('keeps text and media in any order, each modality with a list of its own', () => {
    const image = (name: string): object => ({ type: 'image_url', image_url: { url: `http://x/${name}` } })
    const { messages, media } = readMessages(
      [
        { role: 'user', content: [image('1'), { type: 'text', text: 'a' }, { type: 'video', video: 'http://x/v' }, image('2')] },
        { role: 'assistant', content: 'b' },
        { role: 'user', content: [{ type: 'text', text: 'c' }, image('3')] },
      ],
      everything,
    )
    expect(messages.map(({ content }) => (typeof content === 'string' ? content : content.map(({ type }) => type)))).toEqual([
      ['image', 'text', 'video', 'image'],
      'b',
      ['text', 'image'],
    ])
    expect(media).toEqual({
      image: ['1', '2', '3'].map((name) => ({ kind: 'url', url: `http://x/${name}` })),
      video: [{ kind: 'url', url: 'http://x/v' }],
    })
  })
})

describe('messages', () => {
  for (const role of ['system', 'developer', 'user', 'assistant', 'tool'])
    it(`may be the ${role}'s, with further keys for the template`, () => {
      const message = { role, content: 'a', name: 'Ann', tool_call_id: 'c1' }
      expect(readMessages([message], everything).messages).toEqual([message])
    })

  it('of the assistant have the arguments of their calls as objects, and need no content', () => {
    const call = (args: unknown): object => ({ id: 'c', type: 'function', function: { name: 'f', arguments: args } })
    const message = { role: 'assistant', content: null, tool_calls: [call('{"a": [1]}'), call(''), call({ b: 2 })] }
    expect(readMessages([message], everything).messages).toEqual([
      { role: 'assistant', content: '', tool_calls: [call({ a: [1] }), call({}), call({ b: 2 })] },
    ])
    expect(readMessages([{ role: 'assistant', content: 'a', tool_calls: [] }], everything).messages).toEqual([
      { role: 'assistant', content: 'a' },
    ])
  })

  const at = 'messages[0].content[0]'
  const bad: [what: string, message: object, param: string, words: RegExp, code?: string][] = [
    [
      'an unknown role',
      { role: 'function', content: 'a' },
      'messages[0].role',
      /must be one of system, developer, user, assistant, tool, got "function"/,
    ],
    ['no role', { content: 'a' }, 'messages[0].role', /must be one of system/],
    ['no content', { role: 'user' }, 'messages[0].content', /must be a string or a list of parts/],
    ['content of null', { role: 'user', content: null }, 'messages[0].content', /got null/],
    ['content without parts', { role: 'user', content: [] }, 'messages[0].content', /got \[\]/],
    ['content that is a number', { role: 'user', content: 3 }, 'messages[0].content', /got 3/],
    ['a part that is a number', { role: 'user', content: [3] }, at, /must be an object with a type, got 3/],
    ['an unknown type', { role: 'user', content: [{ type: 'file' }] }, `${at}.type`, /must be one of text, .*image_url.*, got "file"/],
    ["an object's own key for a type", { role: 'user', content: [{ type: 'constructor' }] }, `${at}.type`, /got "constructor"/],
    ['no type', { role: 'user', content: [{}] }, `${at}.type`, /must be one of/],
    ['text that is none', { role: 'user', content: [{ type: 'text', text: 3 }] }, `${at}.text`, /must be a string, got 3/],
    [
      'a bare string as image_url',
      { role: 'user', content: [{ type: 'image_url', image_url: cat }] },
      `${at}.image_url`,
      /must be an object such as \{"url": /,
    ],
    ['image_url without url', { role: 'user', content: [{ type: 'image_url', image_url: {} }] }, `${at}.image_url.url`, /is missing/],
    [
      'a url that is a number',
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 3 } }] },
      `${at}.image_url.url`,
      /must be a string, got 3/,
    ],
    [
      'a file URL',
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'file:///etc/passwd' } }] },
      `${at}.image_url.url`,
      /must be an absolute http, https, data or blob URL/,
      'unsupported_url_scheme',
    ],
    [
      'a relative URL',
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'cat.png' } }] },
      `${at}.image_url.url`,
      /"cat.png"/,
      'unsupported_url_scheme',
    ],
    [
      'a uuid that is a number',
      { role: 'user', content: [{ type: 'image_url', image_url: { url: cat }, uuid: 3 }] },
      `${at}.uuid`,
      /must be a string, got 3/,
    ],
    ['no frames', { role: 'user', content: [{ type: 'video', video: [] }] }, `${at}.video`, /is empty/],
    ['a frame that is no URL', { role: 'user', content: [{ type: 'video', video: [cat, 3] }] }, `${at}.video[1]`, /must be a string/],
    [
      'input_audio without data',
      { role: 'user', content: [{ type: 'input_audio', input_audio: { format: 'wav' } }] },
      `${at}.input_audio.data`,
      /must be the file in base64/,
      'invalid_audio',
    ],
    [
      'input_audio that is not base64',
      { role: 'user', content: [{ type: 'input_audio', input_audio: { data: '%%', format: 'wav' } }] },
      `${at}.input_audio.data`,
      /base64, got "%%"/,
      'invalid_audio',
    ],
    [
      'a format of sound that is not known',
      { role: 'user', content: [{ type: 'input_audio', input_audio: { data: wav, format: 'aiff' } }] },
      `${at}.input_audio.format`,
      /must be one of wav, mp3, flac, ogg, webm, m4a, mp4, aac, opus, got "aiff"/,
    ],
    [
      'image_embeds of no format',
      { role: 'user', content: [{ type: 'image_embeds', image_embeds: 'AA==' }] },
      `${at}.image_embeds`,
      /is in no known format; send a file of torch\.save or safetensors/,
    ],
    [
      'audio_embeds of no format',
      { role: 'user', content: [{ type: 'audio_embeds', audio_embeds: 'AA==' }] },
      `${at}.audio_embeds`,
      /is in no known format; send a file of torch\.save or safetensors/,
    ],
    ['tool_calls that are no list', { role: 'assistant', tool_calls: {} }, 'messages[0].tool_calls', /must be a list/],
    ['a tool call without a function', { role: 'assistant', tool_calls: [{ id: 'c' }] }, 'messages[0].tool_calls[0]', /must be/],
  ]
  for (const [what, message, param, words, code] of bad)
    it(`with ${what} are refused`, () => {
      let thrown: { name?: string; message?: string; param?: string; code?: string } = {}
      try {
        readMessages([message as Record<string, unknown>], everything)
      } catch (error) {
        thrown = error as typeof thrown
      }
      expect([thrown.name, thrown.param, thrown.code]).toEqual(['InvalidRequestError', param, code])
      expect(thrown.message).toMatch(words)
    })

  for (const [type, modality] of [
    ['image_url', 'image'],
    ['video_url', 'video'],
    ['audio_url', 'audio'],
  ] as const)
    it(`with ${modality} are refused by a model that takes none, cached or not`, () => {
      const others = (['image', 'video', 'audio'] as const).filter((other) => other !== modality)
      for (const part of [
        { type, [type]: { url: 'http://x/a' } },
        { type, uuid: 'c' },
      ])
        expect(() => read([part], model(...others))).toThrow(
          `messages[0].content[0] is of type ${type}, but tiny takes no ${modality}; it takes text, ${others.join(', ')}.`,
        )
    })
})
