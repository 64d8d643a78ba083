import { describe, expect, it } from 'vitest'
import { FakeEngine } from './fake-engine.ts'
import { post, routerOf, user } from './requests.ts'

const route = routerOf(new FakeEngine(undefined, { modalities: ['image'] }))

const ask = async (path: string, body: unknown): Promise<{ status: number; body: Record<string, unknown> }> => {
  const response = await route(post(path, body))
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

describe('POST /tokenize', () => {
  it('gives the tokens of a prompt', async () => {
    expect((await ask('/tokenize', { prompt: 'ab' })).body).toEqual({
      count: 3,
      max_model_len: 512,
      tokens: [94, 97, 98],
      token_strs: null,
    })
  })

  it('gives their texts when asked, and leaves special tokens out', async () => {
    const { body } = await ask('/tokenize', { prompt: 'ab', add_special_tokens: false, return_token_strs: true, model: 'org/tiny-vl' })
    expect(body).toEqual({ count: 2, max_model_len: 512, tokens: [97, 98], token_strs: ['a', 'b'] })
  })

  it('takes messages', async () => {
    const content = [{ type: 'image_url', image_url: { url: 'http://x/a.png' } }]
    const { body } = await ask('/tokenize', { messages: [user(content)], add_special_tokens: false, return_token_strs: true })
    expect((body['token_strs'] as string[]).join('')).toBe('[{"type":"image"}]')
  })
})

it('POST /detokenize gives the text of tokens', async () => {
  expect((await ask('/detokenize', { tokens: [97, 98] })).body).toEqual({ prompt: 'ab' })
})

describe('POST /v1/embeddings', () => {
  const good = [
    { input: 'a' },
    { input: ['a', 'b'], encoding_format: 'base64' },
    { input: [1, 2], encoding_format: 'float', dimensions: 64 },
    { input: [[1], [2, 3]], model: 'org/tiny-vl' },
    { messages: [user([{ type: 'image_url', image_url: { url: 'http://x/a.png' } }])] },
  ]
  for (const fields of good)
    it(`says that the model makes none for ${JSON.stringify(fields)}`, async () => {
      const { status, body } = await ask('/v1/embeddings', fields)
      expect(status).toBe(400)
      expect(body['error']).toMatchObject({ type: 'invalid_request_error', param: 'model', code: null })
      expect((body['error'] as Error).message).toMatch(/^org\/tiny-vl generates text .*task: 'embed'/)
    })
})

describe('refusals', () => {
  const bad: [path: string, body: unknown, status: number, param: string | null, words: RegExp][] = [
    ['/tokenize', {}, 400, 'prompt', /is missing; give it, or messages/],
    ['/tokenize', { prompt: 3 }, 400, 'prompt', /must be a string, got 3/],
    ['/tokenize', { prompt: 'a', messages: [user('a')] }, 400, 'messages', /beside prompt/],
    ['/tokenize', { messages: [] }, 400, 'messages', /at least one message/],
    ['/tokenize', { prompt: 'a', model: 'b' }, 404, 'model', /no model "b"/],
    ['/detokenize', {}, 400, 'tokens', /is missing/],
    ['/detokenize', { tokens: [1, -1] }, 400, 'tokens[1]', /must be a token id, 0 or more, got -1/],
    ['/detokenize', { tokens: 'ab' }, 400, 'tokens', /must be a list of token ids/],
    ['/detokenize', { tokens: [], model: 'b' }, 404, 'model', /no model "b"/],
    ['/v1/embeddings', {}, 400, 'input', /is missing/],
    ['/v1/embeddings', { input: '' }, 400, 'input', /none of them empty|not empty/],
    ['/v1/embeddings', { input: [] }, 400, 'input', /at least one/],
    ['/v1/embeddings', { input: ['a', ''] }, 400, 'input', /none of them empty, got \["a",""\]/],
    ['/v1/embeddings', { input: [[]] }, 400, 'input', /none of them empty, got \[\[\]\]/],
    ['/v1/embeddings', { input: 3 }, 400, 'input', /must be a string, token ids, or a list/],
    ['/v1/embeddings', { input: 'a', encoding_format: 'hex' }, 400, 'encoding_format', /must be "float" or "base64", got "hex"/],
    ['/v1/embeddings', { input: 'a', dimensions: 0 }, 400, 'dimensions', /must be 1 or more, got 0/],
    ['/v1/embeddings', { input: 'a', messages: [user('a')] }, 400, 'messages', /beside input/],
    [
      '/v1/embeddings',
      { messages: [user([{ type: 'audio_url', audio_url: { url: 'http://x' } }])] },
      400,
      'messages[0].content[0]',
      /takes no audio/,
    ],
    ['/v1/embeddings', { input: 'a', model: 'b' }, 404, 'model', /no model "b"/],
  ]
  for (const [path, given, status, param, words] of bad)
    it(`of ${JSON.stringify(given)} at ${path}`, async () => {
      const answer = await ask(path, given)
      const error = answer.body['error'] as { param: string | null; message: string }
      expect([answer.status, error.param]).toEqual([status, param])
      expect(error.message).toMatch(words)
    })
})
