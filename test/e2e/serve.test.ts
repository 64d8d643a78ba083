import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type OpenAI from 'openai'
import type { ChatCompletionCreateParamsNonStreaming as ChatBody, ChatCompletionContentPart } from 'openai/resources'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { embeddedModel, pictures } from './places.ts'
import { type ServeProcess, startServe } from './serve-process.ts'

let server: ServeProcess
let client: OpenAI
beforeAll(async () => {
  server = await startServe(
    embeddedModel,
    ...['--served-model-name', 'tiny', 'also-tiny', '--api-key', 'first', 'second'],
    ...['--max-model-len', '512', '--limit-mm-per-prompt', 'image=3'],
  )
  client = server.client({ apiKey: 'second' })
})
afterAll(() => server?.stop())

const dataUrl = (name: string): string => `data:image/png;base64,${readFileSync(join(pictures, name)).toString('base64')}`
const shapes: ChatCompletionContentPart = { type: 'image_url', image_url: { url: dataUrl('shapes.png') } }
const sign: ChatCompletionContentPart = { type: 'image_url', image_url: { url: dataUrl('sign.png') } }
const text = (value: string): ChatCompletionContentPart => ({ type: 'text', text: value })
const ask = (content: string | ChatCompletionContentPart[], more: object = {}): ChatBody => ({
  model: 'tiny',
  messages: [{ role: 'user', content }],
  temperature: 0,
  max_completion_tokens: 24,
  ...more,
})

/** Status, code and field of the error that a call ends with. */
async function refusal(call: () => Promise<unknown>): Promise<[status: number | undefined, code: unknown, param: unknown]> {
  try {
    await call()
  } catch (error) {
    const { status, code, param } = error as InstanceType<typeof OpenAI.APIError>
    return [status, code, param]
  }
  return [undefined, 'no error', undefined]
}

describe('ocellus serve', () => {
  it('names its models, and says its version and health without a key', async () => {
    const models = await client.models.list()
    expect(models.data.map(({ id }) => id)).toEqual(['tiny', 'also-tiny'])
    expect((await client.models.retrieve('also-tiny')).object).toBe('model')
    expect(JSON.stringify(models.data)).not.toContain('ocellus.localhost')
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))
    expect(await (await fetch(`${server.url}/version`)).json()).toEqual({ version })
  })

  it('sees pictures, several of them among text', async () => {
    const one = await client.chat.completions.create(ask([shapes, text('Describe the picture.')]))
    expect(one.choices[0]?.message.content).toMatch(/red star/i)
    expect(one.choices[0]?.finish_reason).toBe('stop')
    expect(one.usage?.total_tokens).toBe(Number(one.usage?.prompt_tokens) + Number(one.usage?.completion_tokens))
    const parts = [text('First: '), shapes, text(' Second: '), sign, text(' What does the second picture show?')]
    const two = await client.chat.completions.create(ask(parts))
    expect(two.usage?.prompt_tokens).toBeGreaterThan(Number(one.usage?.prompt_tokens))
    expect(two.choices[0]?.message.content).not.toBe('')
  })

  it('streams the text that it gives unstreamed, with one finish_reason and the usage', async () => {
    const body = ask([shapes, text('Describe the picture.')])
    const whole = await client.chat.completions.create(body)
    const stream = await client.chat.completions.create({ ...body, stream: true, stream_options: { include_usage: true } })
    let streamed = ''
    const reasons: string[] = []
    let usage: OpenAI.CompletionUsage | null | undefined
    for await (const { choices, usage: counted } of stream) {
      streamed += choices[0]?.delta.content ?? ''
      if (choices[0]?.finish_reason) reasons.push(choices[0].finish_reason)
      usage = counted ?? usage
    }
    expect(streamed).toBe(whole.choices[0]?.message.content)
    expect(reasons).toEqual(['stop'])
    expect(usage?.completion_tokens).toBe(whole.usage?.completion_tokens)
    expect(usage?.prompt_tokens).toBe(whole.usage?.prompt_tokens)
  })

  it('gives several answers, stops at words, and says how likely they were', async () => {
    const several = await client.chat.completions.create(ask('Hello', { n: 3, temperature: 1, seed: 7, max_completion_tokens: 4 }))
    expect(several.choices.map(({ index }) => index)).toEqual([0, 1, 2])
    const stopped = await client.chat.completions.create(ask([shapes, text('Describe the picture.')], { stop: [' star'] }))
    expect(stopped.choices[0]?.message.content).toMatch(/red$/)
    const likely = await client.chat.completions.create(ask('Hello', { logprobs: true, top_logprobs: 2, max_completion_tokens: 3 }))
    expect(likely.choices[0]?.logprobs?.content?.map(({ top_logprobs }) => top_logprobs.length)).toEqual([2, 2, 2])
  })

  it('completes, tokenizes and detokenizes', async () => {
    const completion = await client.completions.create({ model: 'tiny', prompt: 'The picture', max_tokens: 3, temperature: 0 })
    expect(completion.usage?.completion_tokens).toBeLessThanOrEqual(3)
    const post = async (path: string, body: object): Promise<{ tokens: number[]; prompt: string }> => {
      const headers = { 'content-type': 'application/json', authorization: 'Bearer first' }
      return (await fetch(server.url + path, { method: 'POST', headers, body: JSON.stringify(body) })).json()
    }
    const { tokens } = await post('/tokenize', { model: 'tiny', prompt: 'Grüße 👋' })
    expect((await post('/detokenize', { model: 'tiny', tokens })).prompt).toBe('Grüße 👋')
  })

  it('answers in JSON of a schema', async () => {
    const colour = { enum: ['blue', 'grey'] }
    const schema = { type: 'object', properties: { sky: colour, sea: colour }, required: ['sky', 'sea'], additionalProperties: false }
    const response_format = { type: 'json_schema', json_schema: { name: 'colours', schema, strict: true } }
    const { choices } = await client.chat.completions.create(ask('How is the sky?', { response_format, max_completion_tokens: 60 }))
    expect(choices[0]?.finish_reason).toBe('stop')
    const answer = JSON.parse(choices[0]?.message.content ?? '')
    expect(Object.keys(answer).sort()).toEqual(['sea', 'sky'])
    for (const value of Object.values(answer)) expect(colour.enum).toContain(value)
  })

  it('refuses what is wrong, and answers the next request', async () => {
    const wrongKey = server.client({ apiKey: 'third' })
    const cases: [what: string, call: () => Promise<unknown>, status: number, code: unknown][] = [
      ['key', () => wrongKey.chat.completions.create(ask('x')), 401, 'invalid_api_key'],
      ['model', () => client.chat.completions.create(ask('x', { model: 'gpt-4o' })), 404, 'model_not_found'],
      ['path', () => client.get('/no/such/path'), 404, 'unknown_url'],
      ['messages', () => client.chat.completions.create(ask('x', { messages: [] })), 400, null],
      ['temperature', () => client.chat.completions.create(ask('x', { temperature: 'hot' })), 400, null],
      ['length', () => client.chat.completions.create(ask('word '.repeat(900))), 400, 'context_length_exceeded'],
      ['pictures', () => client.chat.completions.create(ask([shapes, shapes, shapes, shapes])), 400, 'too_many_images'],
      ['task', () => client.embeddings.create({ model: 'tiny', input: 'x' }), 400, null],
    ]
    for (const [what, call, status, code] of cases) expect([what, ...(await refusal(call)).slice(0, 2)]).toEqual([what, status, code])
    const headers = { 'content-type': 'application/json', authorization: 'Bearer first' }
    const broken = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers, body: '{"model": ' })
    expect(broken.status).toBe(400)
    expect(Object.keys((await broken.json()).error).sort()).toEqual(['code', 'message', 'param', 'type'])
    expect((await client.chat.completions.create(ask('x'))).choices.length).toBe(1)
  })

  it('takes a body of megabytes, and refuses one of more than 64', async () => {
    const big = await client.chat.completions.create(ask('x', { metadata: { pad: 'x'.repeat(5e6) } }))
    expect(big.choices.length).toBe(1)
    expect(await refusal(() => client.chat.completions.create(ask('x'.repeat(65 * 2 ** 20))))).toEqual([413, 'media_too_large', null])
  })

  it('answers a hundred at once as it answers them one by one', async () => {
    const prompts = Array.from({ length: 100 }, (_, i) => ask(`Number ${i % 20}`, { max_completion_tokens: 5, ignore_eos: true }))
    const answer = async (body: ChatBody): Promise<string | null | undefined> =>
      (await client.chat.completions.create(body)).choices[0]?.message.content
    const serial: (string | null | undefined)[] = []
    for (const body of prompts.slice(0, 20)) serial.push(await answer(body))
    const together = await Promise.all(prompts.map(answer))
    expect(together).toEqual(prompts.map((_, i) => serial[i % 20]))
  })

  it('tells pages of every origin that they may read', async () => {
    const preflight = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://example.org',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    })
    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([204, 'authorization'])
    const answer = await fetch(`${server.url}/v1/models`, { headers: { origin: 'https://example.org', authorization: 'Bearer first' } })
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
  })

  it('writes a line for each request', async () => {
    expect(server.log()).toMatch(/^POST \/v1\/chat\/completions 200 \d+ ms \d+ \+ \d+ tokens$/m)
    expect(server.log()).toMatch(/^POST \/v1\/chat\/completions 401 \d+ ms$/m)
  })
})
