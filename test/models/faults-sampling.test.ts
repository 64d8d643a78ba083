import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CompletionOutput, LLM, SamplingParams } from '../../src/index.ts'
import { expectHealthy, openGolden, rejection, unhandledRejections } from '../support/golden-model.ts'

const unhandled = unhandledRejections()
const PROMPT = 'Pack my box with five dozen liquor jugs.'
const [FIRST_SPECIAL, END] = [485, 488]
const GREEDY: SamplingParams = { temperature: 0, max_tokens: 24, ignore_eos: true }
// generation_config.json of the checkpoint has values of its own for what a request leaves out.
const RANDOM: SamplingParams = { temperature: 1, top_p: 1, top_k: 0, max_tokens: 24, ignore_eos: true }

const refused: [what: string, value: unknown, error: RegExp][] = [
  ['n', 0, /integer from 1 to 16, got 0/],
  ['n', 17, /integer from 1 to 16, got 17/],
  ['n', 1.5, /integer from 1 to 16, got 1\.5/],
  ['n', '2', /integer from 1 to 16, got "2"/],
  ['temperature', -0.1, /non-negative, got -0\.1/],
  ['temperature', '1', /non-negative, got "1"/],
  ['temperature', Number.NaN, /non-negative, got NaN/],
  ['top_p', 0, /in \(0, 1\], got 0/],
  ['top_p', 1.1, /in \(0, 1\], got 1\.1/],
  ['top_p', true, /in \(0, 1\], got true/],
  ['top_k', -2, /got -2/],
  ['top_k', 2.5, /got 2\.5/],
  ['top_k', [1], /got \[1\]/],
  ['min_p', -0.1, /in \[0, 1\], got -0\.1/],
  ['min_p', '0', /in \[0, 1\], got "0"/],
  ['seed', 1.5, /integer, got 1\.5/],
  ['seed', 'x', /integer, got "x"/],
  ['seed', 5n, /integer, got 5/],
  ['stop', 5, /string or a list of strings, got 5/],
  ['stop', ['a', 5], /string or a list of strings, got \["a",5\]/],
  ['stop', '', /cannot contain an empty string/],
  ['stop_token_ids', 5, /list of token ids, got 5/],
  ['stop_token_ids', [512], /list of token ids from 0 to 511, got 512/],
  ['stop_token_ids', ['5'], /list of token ids from 0 to 511, got "5"/],
  ['stop_token_ids', Array.from({ length: 129 }, () => 1), /at most 128 entries, got 129/],
  ['ignore_eos', 'yes', /true or false, got "yes"/],
  ['max_tokens', 0, /integer of at least 1, got 0/],
  ['max_tokens', '16', /integer of at least 1, got "16"/],
  ['min_tokens', -1, /got -1/],
  ['min_tokens', 17, /less than or equal to max_tokens=16, got 17/],
  ['logprobs', 21, /integer from 0 to 20, got 21/],
  ['logprobs', true, /integer from 0 to 20, got true/],
  ['prompt_logprobs', -1, /integer from 0 to 20, got -1/],
  ['presence_penalty', 2.1, /in \[-2, 2\], got 2\.1/],
  ['frequency_penalty', 'much', /in \[-2, 2\], got "much"/],
  ['repetition_penalty', 0, /greater than zero, got 0/],
  ['logit_bias', 5, /object of token ids and numbers, got 5/],
  ['logit_bias', { 512: 1 }, /keyed by token ids from 0 to 511, got "512"/],
  ['logit_bias', { a: 1 }, /keyed by token ids from 0 to 511, got "a"/],
  ['logit_bias', { 5: '1' }, /number from -100 to 100, got "1"/],
  ['skip_special_tokens', 1, /true or false, got 1/],
  ['include_stop_str_in_output', null, /^nothing: it succeeded/],
  ['include_stop_str_in_output', 'x', /true or false, got "x"/],
]

let llm: LLM
let greedy: CompletionOutput
beforeAll(async () => {
  llm = await openGolden({ seed: 11 })
  greedy = await complete(GREEDY)
})
afterAll(() => llm.dispose())

async function completions(sampling: SamplingParams): Promise<CompletionOutput[]> {
  const [output] = await llm.generate(PROMPT, sampling)
  return output?.outputs ?? []
}

async function complete(sampling: SamplingParams): Promise<CompletionOutput> {
  const [first] = await completions(sampling)
  if (!first) throw new Error('no completion')
  return first
}

const tokensOf = (outputs: readonly CompletionOutput[]): number[][] => outputs.map(({ token_ids }) => token_ids)

describe('a sampling parameter of the wrong type or size is refused with its name, its value and what is allowed', () => {
  for (const [name, value, error] of refused) {
    it(`${name}: ${typeof value === 'bigint' ? '5n' : JSON.stringify(value).slice(0, 40)}`, async () => {
      const said = await rejection(llm.generate('a', { [name]: value } as SamplingParams))
      expect(said).toMatch(error)
      if (!said.startsWith('nothing')) expect(said.startsWith(`InvalidRequestError: ${name}`)).toBe(true)
    })
  }
  it('greedy with several continuations', async () => {
    expect(await rejection(llm.generate('a', { n: 2, temperature: 0 }))).toMatch(
      /^InvalidRequestError: n must be 1 when using greedy sampling/,
    )
  })
  it('something else than an object', async () => {
    for (const odd of [5, 'greedy', true]) {
      expect(await rejection(llm.generate('a', odd as never))).toMatch(/^InvalidRequestError: sampling_params must be an object.*got/)
      expect(await rejection(llm.stream('a', odd as never).next())).toMatch(/^InvalidRequestError: sampling_params must be an object.*got/)
    }
  })
  it('answers are what they were, and nothing is held', () => expectHealthy(llm))
})

describe('seeds', () => {
  it('give n continuations that differ from each other and come again, whatever else runs', async () => {
    const sampling = { ...RANDOM, n: 4, seed: 42 }
    const alone = tokensOf(await completions(sampling))
    expect(new Set(alone.map(String)).size).toBe(4)
    const [again, other] = await Promise.all([
      completions(sampling),
      completions({ ...sampling, seed: 43 }),
      llm.generate(['a', 'b', 'c'], RANDOM),
    ])
    expect(tokensOf(again)).toEqual(alone)
    expect(tokensOf(other)).not.toEqual(alone)
    expect(tokensOf(await completions({ ...sampling, n: 1 }))).toEqual(alone.slice(0, 1))
  })

  it('of the engine hold for requests without one', async () => {
    const [one, two, same] = [await complete(RANDOM), await complete(RANDOM), await complete({ ...RANDOM, seed: 11 })]
    expect(two.token_ids).toEqual(one.token_ids)
    expect(same.token_ids).toEqual(one.token_ids)
  })

  it('matter not where only the likeliest token is left', async () => {
    for (const narrow of [{ top_k: 1 }, { top_p: 1e-6 }, { min_p: 1 }, { temperature: 1e-6 }]) {
      expect((await complete({ ...RANDOM, ...narrow, seed: 5 })).token_ids).toEqual(greedy.token_ids)
    }
  })
})

describe('where a text ends', () => {
  it('max_tokens is a length, and nothing stopped it', () => {
    expect(greedy).toMatchObject({ finish_reason: 'length', stop_reason: null, logprobs: null, cumulative_logprob: null })
    expect(greedy.token_ids.length).toBe(24)
  })

  it('a stop string ends it before the string, or behind it if asked for, wherever tokens begin and end', async () => {
    const { text } = greedy
    for (const [from, length] of [
      [0, 1],
      [Math.floor(text.length / 3), 4],
      [text.length - 5, 5],
    ] as const) {
      const stop = text.slice(from, from + length)
      const at = text.indexOf(stop)
      const cut = await complete({ ...GREEDY, stop })
      expect(cut).toMatchObject({ text: text.slice(0, at), finish_reason: 'stop', stop_reason: stop })
      expect(cut.token_ids).toEqual(greedy.token_ids.slice(0, cut.token_ids.length))
      const kept = await complete({ ...GREEDY, stop: ['never to be found', stop], include_stop_str_in_output: true })
      expect(kept).toMatchObject({ text: text.slice(0, at) + stop, finish_reason: 'stop', stop_reason: stop })
    }
  })

  it('a stop string comes out in no chunk of a stream', async () => {
    const stop = greedy.text.slice(10, 14)
    let text = ''
    for await (const chunk of llm.stream(PROMPT, { ...GREEDY, stop })) {
      text += chunk.text
      expect(greedy.text.slice(0, greedy.text.indexOf(stop)).startsWith(text)).toBe(true)
    }
    expect(text).toBe(greedy.text.slice(0, greedy.text.indexOf(stop)))
  })

  it('a stop token ends it and is the reason, but no part of the text', async () => {
    const id = greedy.token_ids[7] as number
    const at = greedy.token_ids.indexOf(id)
    const cut = await complete({ ...GREEDY, stop_token_ids: [id] })
    expect(cut).toMatchObject({ token_ids: greedy.token_ids.slice(0, at + 1), finish_reason: 'stop', stop_reason: id })
    expect(greedy.text.startsWith(cut.text)).toBe(true)
    expect(cut.text.length).toBeLessThan(greedy.text.length)
  })

  it('an end token ends it without a reason, unless ignored', async () => {
    const logit_bias = { [END]: 100 }
    const ended = await complete({ temperature: 0, max_tokens: 8, logit_bias })
    expect(ended).toMatchObject({ text: '', token_ids: [END], finish_reason: 'stop', stop_reason: null })
    const ignored = await complete({ temperature: 0, max_tokens: 8, logit_bias, ignore_eos: true })
    expect(ignored).toMatchObject({ token_ids: Array(8).fill(END), finish_reason: 'length' })
  })

  it('not before min_tokens, for end tokens, stop tokens and stop strings', async () => {
    const ended = await complete({ temperature: 0, max_tokens: 8, min_tokens: 4, logit_bias: { [END]: 100 } })
    expect(ended.token_ids.indexOf(END)).toBe(4)
    expect(ended).toMatchObject({ finish_reason: 'stop', stop_reason: null })
    const id = greedy.token_ids[0] as number
    const later = await complete({ ...GREEDY, stop_token_ids: [id], min_tokens: 6 })
    expect(later.token_ids.slice(0, 6)).not.toContain(id)
    const stop = greedy.text[0] as string
    const text = await complete({ ...GREEDY, stop, min_tokens: 6 })
    expect(text.token_ids.length).toBeGreaterThan(6)
    expect(text.token_ids).toEqual(greedy.token_ids.slice(0, text.token_ids.length))
  })
})

describe('log-probabilities', () => {
  it('list the likeliest tokens in order and the chosen one, and sum up', async () => {
    const { logprobs, token_ids, cumulative_logprob } = await complete({ ...RANDOM, seed: 3, logprobs: 3 })
    let sum = 0
    for (const [i, id] of token_ids.entries()) {
      const at = logprobs?.[i] ?? {}
      const entries = Object.values(at).sort((a, b) => a.rank - b.rank)
      const chosen = at[id]
      expect(entries.slice(0, 3).map(({ rank }) => rank)).toEqual([1, 2, 3])
      expect(entries.length).toBe((chosen?.rank ?? 0) > 3 ? 4 : 3)
      expect(entries.map(({ logprob }) => logprob)).toEqual(entries.map(({ logprob }) => logprob).sort((a, b) => b - a))
      sum += chosen?.logprob ?? Number.NaN
    }
    expect(cumulative_logprob).toBeCloseTo(sum, 4)
  })

  it('of 0 list the chosen token only', async () => {
    const { logprobs, token_ids } = await complete({ ...GREEDY, logprobs: 0 })
    expect(logprobs?.map((at) => Object.keys(at).map(Number))).toEqual(token_ids.map((id) => [id]))
  })

  it('of the prompt begin with null and name each of its tokens', async () => {
    const [output] = await llm.generate(PROMPT, { ...GREEDY, max_tokens: 1, prompt_logprobs: 1 })
    expect(output?.prompt_logprobs?.length).toBe(output?.prompt_token_ids.length)
    expect(output?.prompt_logprobs?.[0]).toBe(null)
    for (const [i, id] of (output?.prompt_token_ids ?? []).entries())
      if (i > 0) expect(output?.prompt_logprobs?.[i]?.[id]?.logprob).toBeLessThan(0)
  })
})

describe('what is added to logits', () => {
  it('logit_bias forces a token or rules it out, and leaves log-probabilities the model’s own', async () => {
    const plain = await complete({ ...GREEDY, max_tokens: 1, logprobs: 20 })
    const ranked = Object.entries(plain.logprobs?.[0] ?? {}).sort(([, a], [, b]) => a.rank - b.rank)
    const [likeliest, second, , , fifth] = ranked.map(([id]) => Number(id)) as [number, number, number, number, number]
    expect((await complete({ ...GREEDY, max_tokens: 1, logit_bias: { [likeliest]: -100 } })).token_ids).toEqual([second])
    const forced = await complete({ ...GREEDY, max_tokens: 3, logprobs: 0, logit_bias: { [fifth]: 100 } })
    expect(forced.token_ids).toEqual([fifth, fifth, fifth])
    expect(forced.logprobs?.[0]?.[fifth]?.logprob).toBeCloseTo(plain.logprobs?.[0]?.[fifth]?.logprob ?? Number.NaN, 4)
    expect(forced.logprobs?.[0]?.[fifth]?.rank).toBe(5)
  })

  it('special tokens are left out of the text unless asked for', async () => {
    const sampling = { ...GREEDY, max_tokens: 2, logit_bias: { [FIRST_SPECIAL + 10]: 100 } }
    expect((await complete(sampling)).text).toBe('')
    expect((await complete({ ...sampling, skip_special_tokens: false })).text).toBe('<|vision_start|><|vision_start|>')
  })

  it('presence and frequency penalties are subtracted for tokens of the output', async () => {
    for (const [presence_penalty, frequency_penalty] of [
      [2, 0],
      [0, 1.5],
      [-2, 0.25],
      [0, -2],
    ] as const) {
      const { token_ids, logprobs } = await complete({ ...GREEDY, presence_penalty, frequency_penalty, logprobs: 20 })
      const counts = new Map<number, number>()
      const penalized = (id: number, logprob: number): number => {
        const count = counts.get(id) ?? 0
        return logprob - (count > 0 ? presence_penalty : 0) - frequency_penalty * count
      }
      for (const [i, id] of token_ids.entries()) {
        const at = Object.entries(logprobs?.[i] ?? {}).map(([other, { logprob }]) => penalized(Number(other), logprob))
        // Equal within what float32 leaves of logits of this size.
        expect(penalized(id, logprobs?.[i]?.[id]?.logprob ?? Number.NaN)).toBeGreaterThan(Math.max(...at) - 1e-3)
        counts.set(id, (counts.get(id) ?? 0) + 1)
      }
    }
    const [repeats, varied] = [greedy, await complete({ ...GREEDY, presence_penalty: 2, frequency_penalty: 2 })].map(
      ({ token_ids }) => token_ids.length - new Set(token_ids).size,
    ) as [number, number]
    expect(varied).toBeLessThan(repeats)
  })

  it('a large repetition penalty rules out what stands in prompt or output', async () => {
    const [output] = await llm.generate(PROMPT, { ...GREEDY, repetition_penalty: 1e6 })
    const tokens = output?.outputs[0]?.token_ids ?? []
    expect(new Set(tokens).size).toBe(24)
    expect(tokens.filter((id) => output?.prompt_token_ids.includes(id))).toEqual([])
  })

  it('penalties of one request change no other', async () => {
    const [plain] = await Promise.all([
      complete(GREEDY),
      complete({ ...GREEDY, repetition_penalty: 1e6 }),
      complete({ ...GREEDY, logit_bias: { 5: 100 } }),
    ])
    expect(plain.token_ids).toEqual(greedy.token_ids)
    await expectHealthy(llm)
  })

  it('no rejection is left unhandled', () => expect(unhandled).toEqual([]))
})
