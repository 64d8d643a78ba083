import { describe, expect, it } from 'vitest'
import { createRouter } from '../../../src/server/router.ts'
import { type ScriptedEngine, scriptedEngine } from './tools/scripted-engine.ts'

/** Writes what the first message says. */
const echo = (): ScriptedEngine =>
  scriptedEngine(({ input }) => {
    const content = 'messages' in input ? input.messages[0]?.content : ''
    return typeof content === 'string' ? content : JSON.stringify(content)
  })

function send(engine: ScriptedEngine, body: object): Promise<Response> {
  const route = createRouter({ engine: () => Promise.resolve(engine) })
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return route(new Request('http://ocellus.test/v1/chat/completions', init))
}

const contentOf = async (response: Response): Promise<unknown> => (await response.json()).choices[0].message.content

describe('fields that nobody knows', () => {
  const body = { messages: [{ role: 'user', content: 'Hi' }], temperature: 0 }
  const extra = { reasoning_effort: 'low', user: 'me', store: false, metadata: { a: 'b' }, brand_new: [1, { x: null }] }

  it('change nothing of what the engine is asked for', async () => {
    const engine = echo()
    expect(await contentOf(await send(engine, body))).toBe('Hi')
    expect(await contentOf(await send(engine, { ...body, ...extra }))).toBe('Hi')
    const [plain, odd] = engine.requests
    expect({ ...odd, request_id: plain?.request_id }).toEqual(plain)
  })
})

describe('text that is easily damaged', () => {
  const texts: [what: string, text: string][] = [
    ['NUL', 'a\0b'],
    ['right-to-left', 'שלום مرحبا \u202e abc'],
    ['emoji joined by ZWJ', '👩🏽‍🚀👨‍👩‍👧‍👦'],
    ['lone surrogates', 'a\ud800b\udc00'],
    ['line breaks of events', 'data: [DONE]\n\ndata: {}\r\n\r\n: \u2028\u2029'],
    ['markup', '<tool_call>{"name": "a"}</tool_call> <|im_end|>'],
    ['names of Object.prototype', '__proto__ constructor'],
    ['a byte order mark', '\ufeffx'],
  ]
  for (const [what, text] of texts) {
    it(`reaches the engine and comes back, whole and streamed: ${what}`, async () => {
      const engine = echo()
      const body = { messages: [{ role: 'user', content: text }] }
      expect(await contentOf(await send(engine, body))).toBe(text)
      const lines = (await (await send(engine, { ...body, stream: true })).text()).split('\n\n')
      const chunks = lines.filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)))
      expect(chunks.map(({ choices }) => choices[0].delta.content ?? '').join('')).toBe(text)
      expect(engine.requests.map(({ input }) => 'messages' in input && input.messages[0]?.content)).toEqual([text, text])
    })
  }

  it('may be ten megabytes', async () => {
    const text = 'ten letters '.repeat(10 ** 6).slice(0, 10 ** 7)
    const engine = scriptedEngine(() => 'long')
    expect(await contentOf(await send(engine, { messages: [{ role: 'user', content: text }] }))).toBe('long')
    expect(engine.requests[0]?.input).toMatchObject({ messages: [{ content: text }] })
  })
})

describe('a system message with a picture', () => {
  it('is taken, with one warning', async () => {
    const warnings: unknown[] = []
    const { warn } = console
    console.warn = (words) => warnings.push(words)
    try {
      const engine = echo()
      const content = [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }]
      for (let i = 0; i < 2; i++) {
        expect(
          (
            await send(engine, {
              messages: [
                { role: 'system', content },
                { role: 'user', content: 'Hi' },
              ],
            })
          ).status,
        ).toBe(200)
      }
      expect(engine.requests[1]?.media.image?.length).toBe(1)
    } finally {
      console.warn = warn
    }
    expect(warnings).toEqual([expect.stringContaining('messages[0].content has media in a system message')])
  })
})
