import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LLM } from '../../src/index.ts'
import { makeClip } from '../support/video-clip.ts'

interface Answer {
  choices: { message: { content: string } }[]
  usage: { prompt_tokens: number }
  error?: { message: string; code: string | null; param: string | null }
}

let llm: LLM
beforeAll(async () => {
  llm = await LLM.create({ model: '/models/ocellus-tiny-vl', dtype: 'float32' })
})
afterAll(() => llm.dispose())

async function ask(part: object, fields: object = {}): Promise<[status: number, answer: Answer]> {
  const messages = [{ role: 'user', content: [part, { type: 'text', text: 'What is shown?' }] }]
  const response = await llm.fetch('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages, max_tokens: 8, temperature: 0, ...fields }),
  })
  return [response.status, (await response.json()) as Answer]
}

const base64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
const videoUrl = (url: string): object => ({ type: 'video_url', video_url: { url } })
const frames = (num_frames: number): object => ({ media_io_kwargs: { video: { num_frames } } })

describe('video_url', () => {
  it('of a file is read at num_frames: each two frames more cost the same tokens, and addresses of all kinds answer alike', async () => {
    const clip = await makeClip({ frames: 24, container: 'mp4', codec: 'vp9' })
    const data = `data:video/mp4;base64,${base64(clip)}`
    const object = URL.createObjectURL(new Blob([clip], { type: 'video/mp4' }))
    const [two, four, six] = [
      await ask(videoUrl(data), frames(2)),
      await ask(videoUrl(data), frames(4)),
      await ask(videoUrl(data), frames(6)),
    ]
    expect([two[0], four[0], six[0]]).toEqual([200, 200, 200])
    const [a, b, c] = [two, four, six].map(([, { usage }]) => usage.prompt_tokens) as [number, number, number]
    expect(b - a).toBeGreaterThan(0)
    expect(c - b).toBe(b - a)
    const again = await ask(videoUrl(object), frames(4))
    URL.revokeObjectURL(object)
    expect(again[1].choices[0]?.message.content).toBe(four[1].choices[0]?.message.content)
  })

  const bad: [what: string, url: () => Promise<string> | string, message: RegExp][] = [
    ['an HTML page', () => 'data:text/html,<!doctype html><p>Sign in', /^The video is an HTML page/],
    ['an empty file', () => 'data:video/mp4;base64,', /^The video is empty/],
    ['a cut file', async () => `data:video/mp4;base64,${base64((await makeClip({ frames: 9 })).slice(0, 50))}`, /^The video/],
  ]
  for (const [what, url, message] of bad)
    it(`of ${what} is refused, and the next request works`, async () => {
      const [status, { error }] = await ask(videoUrl(await url()))
      expect([status, error?.code]).toEqual([400, 'invalid_video'])
      expect(error?.message).toMatch(message)
      expect((await ask({ type: 'text', text: 'Hi' }))[0]).toBe(200)
    })

  it('with frames that cannot be counted is refused', async () => {
    const [status, { error }] = await ask(videoUrl('data:video/mp4;base64,AAAA'), frames(0))
    expect([status, error?.message]).toEqual([400, expect.stringMatching(/num_frames must be a whole number from 1 to 768/)])
  })
})

describe('/tokenize', () => {
  const post = async (path: string, body: object) => {
    const response = await llm.fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    return { status: response.status, body: await response.json() }
  }

  it('gives a conversation the tokens that chat has', async () => {
    const messages = [{ role: 'user', content: 'What is a circle? Ça va?' }]
    const { body: tokens } = await post('/tokenize', { messages })
    const { body: answer } = await post('/v1/chat/completions', { messages, max_tokens: 1, return_token_ids: true })
    expect(tokens.count).toBe(answer.usage.prompt_tokens)
    expect(tokens.tokens).toEqual(answer.prompt_token_ids)
  })

  it('refuses a text that no prompt can be, as completions do', async () => {
    const prompt = 'a circle and '.repeat(300_000)
    for (const path of ['/tokenize', '/v1/completions']) {
      const { status, body } = await post(path, { prompt })
      expect([status, body.error.code]).toEqual([400, 'context_length_exceeded'])
      expect(body.error.message).toMatch(/^prompt has at least \d+ tokens but max_model_len is \d+/)
    }
    expect((await post('/tokenize', { prompt: 'a circle' })).status).toBe(200)
  })
})

describe('image_embeds', () => {
  const tensor = (shape: number[], values: number[] = []): object => {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1))
    data.set(values)
    return { data: base64(new Uint8Array(data.buffer)), shape }
  }
  const part = (hidden: number): object => ({
    type: 'image_embeds',
    image_embeds: { image_embeds: tensor([4, hidden]), image_grid_thw: tensor([1, 3], [1, 4, 4]) },
  })

  it('of the wrong shape are refused with the right one, which is then taken', async () => {
    const [status, { error }] = await ask(part(3))
    const hidden = Number(/image_embeds has shape \[4,\s?3\]; expected \[4, (\d+)\]/.exec(error?.message ?? '')?.[1])
    expect([status, hidden > 3]).toEqual([400, true])
    expect((await ask(part(hidden)))[0]).toBe(200)
  })
})
