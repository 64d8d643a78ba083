import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { invalidRequestError } from '../../../src/util/errors.ts'
import { doneEvent, FakeEngine, promptEvent, type Script } from './fake-engine.ts'
import { fetchOf, post, routerOf, user } from './requests.ts'

/** Vectors [tokens, 0.5]; later requests answer first. */
const script: Script = async (run) => {
  const { input } = run.request
  const tokens = 'prompt' in input ? input.prompt.length : 'messages' in input ? 7 : input.prompt_token_ids.length
  await new Promise((resolve) => setTimeout(resolve, 5 - tokens))
  run.post(promptEvent(tokens, { num_cached_tokens: 1 }))
  run.post({ type: 'embedding', embedding: Float32Array.of(tokens, 0.5) })
  run.post(doneEvent(tokens, 0))
}

async function ask(body: object, engine = new FakeEngine(script, { task: 'embed' })) {
  const response = await routerOf(engine)(post('/v1/embeddings', body))
  return { status: response.status, body: await response.json(), requests: engine.runs.map(({ request }) => request) }
}

describe('POST /v1/embeddings of an engine that embeds', () => {
  it('answers one text', async () => {
    const { body, requests } = await ask({ input: 'abc', model: 'org/tiny-vl' })
    expect(body).toMatchObject({
      object: 'list',
      model: 'org/tiny-vl',
      data: [{ object: 'embedding', index: 0, embedding: [3, 0.5] }],
      usage: { prompt_tokens: 3, total_tokens: 3 },
    })
    expect(body.id).toMatch(/^embd-/)
    expect(requests).toMatchObject([{ input: { prompt: 'abc' }, media: {}, pooling: {} }])
  })

  for (const [input, inputs] of [
    [
      ['abc', 'a', 'ab'],
      [{ prompt: 'abc' }, { prompt: 'a' }, { prompt: 'ab' }],
    ],
    [[5, 6], [{ prompt_token_ids: [5, 6] }]],
    [
      [[5], [6, 7, 8]],
      [{ prompt_token_ids: [5] }, { prompt_token_ids: [6, 7, 8] }],
    ],
  ] as const)
    it(`keeps the order of ${JSON.stringify(input)}`, async () => {
      const { body, requests } = await ask({ input })
      expect(requests.map((request) => request.input)).toEqual([...inputs])
      const sizes = inputs.map((each) => Object.values(each)[0].length)
      expect(body.data).toEqual(sizes.map((size, index) => ({ object: 'embedding', index, embedding: [size, 0.5] })))
      const total = sizes.reduce((sum, size) => sum + size, 0)
      expect(body.usage).toMatchObject({ prompt_tokens: total, total_tokens: total })
      expect(new Set(requests.map(({ request_id }) => request_id)).size).toBe(inputs.length)
    })

  it('writes base64 of little-endian float32', async () => {
    const { body } = await ask({ input: 'abc', encoding_format: 'base64' })
    expect(body.data).toEqual([{ object: 'embedding', index: 0, embedding: 'AABAQAAAAD8=' }])
  })

  it('hands on dimensions, messages and what else belongs to the engine', async () => {
    const content = [
      { type: 'image_url', image_url: { url: 'http://x/a.png' } },
      { type: 'text', text: 'What is it?' },
    ]
    const fields = { dimensions: 64, mm_processor_kwargs: { num_crops: 4 }, priority: 2, cache_salt: 's' }
    const { body, requests } = await ask({ messages: [user(content)], add_generation_prompt: false, ...fields })
    expect(body.data).toEqual([{ object: 'embedding', index: 0, embedding: [7, 0.5] }])
    expect(requests).toMatchObject([
      {
        input: {
          messages: [{ role: 'user', content: [{ type: 'image' }, { type: 'text', text: 'What is it?' }] }],
          chat: { add_generation_prompt: false },
        },
        media: { image: [{ kind: 'url', url: 'http://x/a.png' }] },
        pooling: { dimensions: 64 },
        mm_processor_kwargs: { num_crops: 4 },
        priority: 2,
        cache_salt: 's',
      },
    ])
  })

  it('hands many inputs to the engine a few at a time', async () => {
    let open = 0
    let most = 0
    const counting: Script = async (run) => {
      most = Math.max(most, ++open)
      await script(run)
      open--
    }
    const input = Array.from({ length: 300 }, (_, i) => 'abcde'.slice(0, 1 + (i % 5)))
    const { body } = await ask({ input }, new FakeEngine(counting, { task: 'embed' }))
    expect(body.data.map(({ embedding }: { embedding: number[] }) => embedding[0])).toEqual(input.map(({ length }) => length))
    expect(body.usage).toMatchObject({ prompt_tokens: 900, total_tokens: 900 })
    expect(most).toBeLessThanOrEqual(64)
  })

  it.each([
    [{ input: Array.from({ length: 2049 }, () => 'a') }, 'input', 'at most 2048 inputs, got 2049'],
    [{ input: 'a', add_special_tokens: false }, 'add_special_tokens', 'send token ids'],
  ])('refuses what it cannot do', async (fields, param, words) => {
    const { status, body } = await ask(fields)
    expect([status, body.error.param]).toEqual([400, param])
    expect(body.error.message).toContain(words)
  })

  for (const encoding_format of ['float', 'base64', undefined] as const)
    it(`is read by the openai client as ${encoding_format}`, async () => {
      const client = new OpenAI({ baseURL: 'http://x/v1', apiKey: 'none', fetch: fetchOf(new FakeEngine(script, { task: 'embed' })) })
      const { data } = await client.embeddings.create({
        model: 'org/tiny-vl',
        input: ['abc', 'a'],
        ...(encoding_format && { encoding_format }),
      })
      const vectors = data.map(({ embedding }) =>
        // Asked for base64, the client hands on what it gets.
        typeof embedding === 'string' ? [...new Float32Array(Uint8Array.from(Buffer.from(embedding, 'base64')).buffer)] : embedding,
      )
      expect(vectors).toEqual([
        [3, 0.5],
        [1, 0.5],
      ])
    })

  it('is refused as a whole when the engine refuses one', async () => {
    const refusing: Script = (run) => {
      if ('prompt' in run.request.input && run.request.input.prompt === 'b') throw invalidRequestError('dimensions must be smaller.')
      return script(run)
    }
    const { status, body } = await ask({ input: ['a', 'b'] }, new FakeEngine(refusing, { task: 'embed' }))
    expect([status, body.error.message]).toEqual([400, 'dimensions must be smaller.'])
  })
})
