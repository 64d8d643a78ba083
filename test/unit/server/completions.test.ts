import { describe, expect, it } from 'vitest'
import type { EngineRequest } from '../../../src/protocol/engine-api.ts'
import { deltaEvent, doneEvent, FakeEngine, logprobsOf, promptEvent, type Script } from './fake-engine.ts'
import { eventsOf, post, routerOf } from './requests.ts'

/** Answers each prompt with its own text in upper case, in pieces of one character; its tokens are characters. */
const shout: Script = (run) => {
  const { input, sampling } = run.request
  const prompt = 'prompt' in input ? input.prompt : 'prompt_token_ids' in input ? String.fromCodePoint(...input.prompt_token_ids) : ''
  const scored = sampling.logprobs === undefined ? null : true
  run.post(
    promptEvent(0, {
      prompt,
      prompt_token_ids: [...prompt].map((char) => char.codePointAt(0) ?? 0),
      prompt_logprobs: sampling.prompt_logprobs === undefined ? null : [...prompt].map((char, i) => (i === 0 ? null : logprobsOf(char))),
    }),
  )
  const words = prompt.toUpperCase().slice(0, sampling.max_tokens)
  for (let index = 0; index < (sampling.n ?? 1); index++)
    for (const [i, char] of [...words].entries())
      run.post(
        deltaEvent(char, { index, logprobs: scored && [logprobsOf(char)], ...(i === words.length - 1 && { finish_reason: 'length' }) }),
      )
  run.post(doneEvent(prompt.length, words.length * (sampling.n ?? 1)))
}

interface Piece {
  index: number
  text: string
  logprobs: { text_offset: number[]; token_logprobs: (number | null)[]; tokens: string[]; top_logprobs: (object | null)[] } | null
  finish_reason: string | null
  prompt_token_ids?: number[]
  token_ids?: number[]
}
interface Answer {
  id: string
  object: string
  choices: Piece[]
  usage?: object | null
}

async function ask(fields: object): Promise<{ answer: Answer; requests: EngineRequest[] }> {
  const engine = new FakeEngine(shout)
  const response = await routerOf(engine)(post('/v1/completions', fields))
  if (response.status !== 200) throw new Error(await response.text())
  return { answer: (await response.json()) as Answer, requests: engine.runs.map(({ request }) => request) }
}

async function stream(fields: object): Promise<Answer[]> {
  const events = await eventsOf(await routerOf(new FakeEngine(shout))(post('/v1/completions', { ...fields, stream: true })))
  expect(events.at(-1)).toBe('[DONE]')
  return events.slice(0, -1) as Answer[]
}

describe('text completions', () => {
  it('have 16 tokens at most unless the request says otherwise', async () => {
    const { answer, requests } = await ask({ prompt: 'hi' })
    expect(requests.map(({ input, sampling, media }) => ({ input, sampling, media }))).toEqual([
      { input: { prompt: 'hi' }, sampling: { max_tokens: 16 }, media: {} },
    ])
    expect(answer).toMatchObject({
      object: 'text_completion',
      choices: [{ index: 0, text: 'HI', logprobs: null, finish_reason: 'length', stop_reason: null, prompt_logprobs: null }],
      usage: { prompt_tokens: 2, completion_tokens: 2, total_tokens: 4 },
    })
    expect(answer.id).toMatch(/^cmpl-[0-9a-f]{32}$/)
  })

  const prompts: [prompt: unknown, inputs: object[], texts: string[]][] = [
    ['hi', [{ prompt: 'hi' }], ['HI']],
    [
      ['hi', 'ho'],
      [{ prompt: 'hi' }, { prompt: 'ho' }],
      ['HI', 'HO'],
    ],
    [[104, 105], [{ prompt_token_ids: [104, 105] }], ['HI']],
    [
      [[104, 105], [111]],
      [{ prompt_token_ids: [104, 105] }, { prompt_token_ids: [111] }],
      ['HI', 'O'],
    ],
  ]
  for (const [prompt, inputs, texts] of prompts)
    it(`take ${JSON.stringify(prompt)}`, async () => {
      const { answer, requests } = await ask({ prompt })
      expect(requests.map(({ input }) => input)).toEqual(inputs)
      expect(answer.choices.map(({ text }) => text)).toEqual(texts)
    })

  it('number n choices of each prompt one after another, and count all of them', async () => {
    const fields = { prompt: ['ab', 'c'], n: 2 }
    const { answer, requests } = await ask(fields)
    expect(answer.choices.map(({ index, text }) => [index, text])).toEqual([
      [0, 'AB'],
      [1, 'AB'],
      [2, 'C'],
      [3, 'C'],
    ])
    expect(answer.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 6, total_tokens: 9 })
    expect(new Set(requests.map(({ request_id }) => request_id)).size).toBe(2)
  })

  it('leave special tokens out by tokenizing beforehand', async () => {
    expect((await ask({ prompt: 'hi', add_special_tokens: false })).requests[0]?.input).toEqual({ prompt_token_ids: [104, 105] })
  })

  it('have log-probabilities with offsets in characters', async () => {
    expect((await ask({ prompt: 'a😀b', logprobs: 1 })).answer.choices[0]?.logprobs).toEqual({
      tokens: ['A', '😀', 'B'],
      text_offset: [0, 1, 2],
      token_logprobs: [-0.25, -0.25, -0.25],
      top_logprobs: [
        { A: -0.25, '?': -9999 },
        { '😀': -0.25, '?': -9999 },
        { B: -0.25, '?': -9999 },
      ],
    })
  })

  it('repeat the prompt with echo, its log-probabilities before the others', async () => {
    for (const prompt of ['hi', [104, 105]]) {
      const { answer, requests } = await ask({ prompt, echo: true, logprobs: 1, max_tokens: 1 })
      expect(requests[0]?.sampling).toEqual({ max_tokens: 1, logprobs: 1, prompt_logprobs: 1 })
      expect(answer.choices[0]?.text).toBe('hiH')
      expect(answer.choices[0]?.logprobs).toEqual({
        tokens: [typeof prompt === 'string' ? '^' : 'h', 'i', 'H'],
        text_offset: [0, 1, 2],
        token_logprobs: [null, -0.25, -0.25],
        top_logprobs: [null, { i: -0.25, '?': -9999 }, { H: -0.25, '?': -9999 }],
      })
    }
  })

  it('only score the prompt with echo and max_tokens 0', async () => {
    const { answer, requests } = await ask({ prompt: 'hi', echo: true, logprobs: 1, max_tokens: 0 })
    expect(requests[0]?.sampling.max_tokens).toBe(1)
    expect(answer.choices[0]).toMatchObject({ text: 'hi', finish_reason: 'length' })
    expect(answer.choices[0]?.logprobs?.token_logprobs).toEqual([null, -0.25])
    expect(answer.usage).toMatchObject({ prompt_tokens: 2, completion_tokens: 0, total_tokens: 2 })
  })

  it('are streamed to what they are as a whole', async () => {
    const fields = { prompt: ['abc', 'de'], n: 2, echo: true, logprobs: 1, return_token_ids: true }
    const { answer } = await ask(fields)
    const chunks = await stream(fields)
    for (const choice of answer.choices) {
      const own = chunks.flatMap(({ choices }) => choices.filter(({ index }) => index === choice.index))
      const all = <T>(of: (piece: Piece) => T[] | undefined): T[] => own.flatMap((piece) => of(piece) ?? [])
      expect(own.map(({ text }) => text).join('')).toBe(choice.text)
      expect(all(({ logprobs }) => logprobs?.tokens)).toEqual(choice.logprobs?.tokens)
      expect(all(({ logprobs }) => logprobs?.text_offset)).toEqual(choice.logprobs?.text_offset)
      expect(all(({ logprobs }) => logprobs?.top_logprobs)).toEqual(choice.logprobs?.top_logprobs)
      expect(all(({ token_ids }) => token_ids)).toEqual(choice.token_ids)
      expect(all(({ prompt_token_ids }) => prompt_token_ids)).toEqual(choice.prompt_token_ids)
      expect(own.flatMap(({ finish_reason }) => finish_reason ?? [])).toEqual([choice.finish_reason])
    }
  })

  it('are streamed with their usage at the end', async () => {
    const fields = { prompt: ['ab', 'c'] }
    const chunks = await stream({ ...fields, stream_options: { include_usage: true } })
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: (await ask(fields)).answer.usage })
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true)
  })

  const bad: [fields: object, param: string, words: RegExp][] = [
    [{}, 'prompt', /^prompt is missing/],
    [{ prompt: null }, 'prompt', /must be a string, token ids, or a list of either, got null/],
    [{ prompt: [] }, 'prompt', /from 1 to 256 prompts, got 0/],
    [{ prompt: ['a', 1] }, 'prompt', /must be/],
    [{ prompt: [1.5] }, 'prompt', /must be/],
    [{ prompt: Array.from({ length: 257 }, () => 'a') }, 'prompt', /from 1 to 256 prompts, got 257/],
    [{ prompt: 'a', suffix: 'b' }, 'suffix', /is not supported/],
    [{ prompt: 'a', logprobs: true }, 'logprobs', /must be a whole number, got true/],
    [{ prompt: 'a', logprobs: 21 }, 'logprobs', /must be from 0 to 20/],
    [{ prompt: 'a', best_of: 3 }, 'best_of', /is not supported/],
    [{ prompt: 'a', stream_options: {} }, 'stream_options', /only be given with stream: true/],
    [{ prompt: 'a', n: 17 }, 'n', /from 1 to 16/],
  ]
  for (const [fields, param, words] of bad)
    it(`are refused for ${JSON.stringify(fields).slice(0, 60)}`, async () => {
      const response = await routerOf(new FakeEngine(shout))(post('/v1/completions', fields))
      const { error } = (await response.json()) as { error: { param: string; message: string } }
      expect([response.status, error.param]).toEqual([400, param])
      expect(error.message).toMatch(words)
    })
})
