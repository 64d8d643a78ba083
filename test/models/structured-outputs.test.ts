import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CompletionOutput, LLM, LogprobsAt, SamplingParams } from '../../src/index.ts'
import { expectHealthy, goldenCase, idle, openGolden, rejection, unhandledRejections } from '../support/golden-model.ts'
import { runCase } from '../support/goldens.ts'

const unhandled = unhandledRejections()
const PROMPT = 'Pack my box with five dozen liquor jugs.'
// Ids of the checkpoint's vocabulary.
const [QUOTE, DOT, BACKSLASH, OPEN, CLOSE, NEWLINE, END] = [1, 13, 59, 90, 92, 198, 488]
// JSON leaves a model that knows none long ways to say little ("\u0061", 1.000000, indentation): rarely gone here, so that answers stay short.
const PLAIN = { [BACKSLASH]: -12, [DOT]: -12, [NEWLINE]: -12 }
const GREEDY: SamplingParams = { temperature: 0, max_tokens: 200, logit_bias: PLAIN }
const RANDOM: SamplingParams = { temperature: 1, top_p: 1, top_k: 0, max_tokens: 200, logit_bias: PLAIN }

const PERSON = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 8 },
    age: { type: 'integer', minimum: 0, maximum: 120 },
    kind: { enum: ['cat', 'dog'] },
    tags: { type: 'array', items: { type: 'boolean' }, minItems: 1, maxItems: 3 },
  },
  required: ['name', 'age', 'kind', 'tags'],
  additionalProperties: false,
}

function expectPerson(text: string): void {
  const person = JSON.parse(text)
  expect(Object.keys(person).sort()).toEqual(['age', 'kind', 'name', 'tags'])
  expect(person.name.length).toBeGreaterThan(0)
  expect([...person.name].length).toBeLessThan(9)
  expect(Number.isInteger(person.age) && person.age >= 0 && person.age <= 120).toBe(true)
  expect(['cat', 'dog']).toContain(person.kind)
  expect(person.tags.length).toBeGreaterThan(0)
  expect(person.tags.every((tag: unknown) => typeof tag === 'boolean')).toBe(true)
}

const CHOICE = ['a yes', 'a no', 'perhaps, perhaps not', 'Ñandú 中']
const REGEX = '[A-Z]{2}-[0-9]{3}( (left|right))?\\.'

/** What is asked for, and what shows that it was given. */
const FORMS: Record<string, { structured: NonNullable<SamplingParams['structured_outputs']>; check: (text: string) => void }> = {
  'a JSON Schema': { structured: { json: PERSON }, check: expectPerson },
  'a JSON Schema as text, without whitespace': {
    structured: { json: JSON.stringify(PERSON), disable_any_whitespace: true },
    check: (text) => {
      expectPerson(text)
      expect(text.replace(/"(\\.|[^"\\])*"/g, '')).not.toMatch(/\s/)
    },
  },
  'a regular expression': { structured: { regex: REGEX }, check: (text) => expect(text).toMatch(new RegExp(`^${REGEX}$`)) },
  'a choice': { structured: { choice: CHOICE }, check: (text) => expect(CHOICE).toContain(text) },
}

let llm: LLM
let free: CompletionOutput
beforeAll(async () => {
  llm = await openGolden({ seed: 11 })
  free = await complete({ ...GREEDY, max_tokens: 40, ignore_eos: true })
})
afterAll(() => llm.dispose())

async function completions(sampling: SamplingParams, on = llm): Promise<CompletionOutput[]> {
  const [output] = await on.generate(PROMPT, sampling)
  return output?.outputs ?? []
}

async function complete(sampling: SamplingParams, on = llm): Promise<CompletionOutput> {
  const [first] = await completions(sampling, on)
  if (!first) throw new Error('no completion')
  return first
}

describe('structured outputs', () => {
  for (const [name, { structured, check }] of Object.entries(FORMS)) {
    it(`${name}: greedy and sampled answers, several of one prompt too, have the form and end as soon as they are whole`, async () => {
      const all = [
        await complete({ ...GREEDY, structured_outputs: structured }),
        ...(await completions({ ...RANDOM, n: 3, seed: 5, structured_outputs: structured })),
        ...(await completions({ ...RANDOM, temperature: 3, n: 2, seed: 6, structured_outputs: structured })),
      ]
      expect(all.length).toBe(6)
      for (const { text, finish_reason, stop_reason, token_ids } of all) {
        expect([finish_reason, stop_reason]).toEqual(['stop', null])
        check(text)
        // These forms can end in one way only, so the model need not say so.
        expect(token_ids).not.toContain(END)
      }
      expect(new Set(all.map(({ text }) => text)).size).toBeGreaterThan(1)
    })
  }

  it('any JSON object', async () => {
    // Long strings and deep nesting are likely from a model that knows no JSON; their ends are made likelier.
    const logit_bias = { ...PLAIN, [QUOTE]: 8, [CLOSE]: 8 }
    const answers = await completions({ ...RANDOM, n: 4, seed: 1, logit_bias, structured_outputs: { json_object: true } })
    answers.push(await complete({ ...GREEDY, logit_bias: { ...logit_bias, [CLOSE]: 100 }, structured_outputs: { json_object: true } }))
    expect(answers.map(({ finish_reason }) => finish_reason)).toEqual(Array(5).fill('stop'))
    for (const { text } of answers) expect(Object.prototype.toString.call(JSON.parse(text))).toBe('[object Object]')
    expect(JSON.parse(answers[4]?.text ?? '')).toEqual({})
  })

  it('the likeliest token that is allowed is chosen, and log-probabilities stay the model’s own', async () => {
    const allowed = /^[a-z ]+$/
    const plain = await complete({ ...GREEDY, max_tokens: 1, logprobs: 20 })
    const { text, token_ids, logprobs } = await complete({ ...GREEDY, logprobs: 20, structured_outputs: { regex: '[a-z ]{24}' } })
    expect(text).toMatch(/^[a-z ]{24}$/)
    const best = (at: LogprobsAt): [string, { logprob: number; rank: number }][] => Object.entries(at).filter(([, { rank }]) => rank <= 20)
    expect(logprobs?.length).toBe(token_ids.length)
    let left = 24
    for (const [i, at] of (logprobs ?? []).entries()) {
      const chosen = at[token_ids[i] as number]
      const fitting = best(at).filter(([id]) => {
        const piece = at[Number(id)]?.decoded_token ?? ''
        return allowed.test(piece) && piece.length <= left
      })
      for (const [, { logprob }] of fitting) expect(logprob).toBeLessThanOrEqual(chosen?.logprob ?? Number.NaN)
      left -= chosen?.decoded_token.length ?? 0
    }
    for (const [id, { logprob }] of best(plain.logprobs?.[0] ?? {}))
      if (logprobs?.[0]?.[Number(id)]) expect(logprobs[0][Number(id)]?.logprob).toBeCloseTo(logprob, 4)
  })

  it('an answer that might go on ends at the model’s end token or goes on', async () => {
    const structured_outputs = { regex: '(ab)+' }
    const ended = await complete({ ...GREEDY, structured_outputs, logit_bias: { ...PLAIN, [END]: 100 } })
    expect(ended).toMatchObject({ text: 'ab', finish_reason: 'stop', stop_reason: null })
    expect(ended.token_ids.at(-1)).toBe(END)
    const later = await complete({ ...GREEDY, structured_outputs, logit_bias: { ...PLAIN, [END]: 100 }, min_tokens: 9 })
    expect(later.text).toMatch(/^(ab){3,}$/)
    expect(later.token_ids.length).toBeGreaterThanOrEqual(9)
    const ignored = await complete({
      ...GREEDY,
      structured_outputs,
      logit_bias: { ...PLAIN, [END]: 100 },
      ignore_eos: true,
      max_tokens: 15,
    })
    expect(ignored).toMatchObject({ finish_reason: 'length' })
    expect(ignored.text).toMatch(/^(ab)+a?$/)
    // Nothing else than the end: then neither min_tokens nor ignore_eos keep it from ending.
    const whole = await complete({ ...GREEDY, structured_outputs: { choice: ['ab'] }, min_tokens: 20, ignore_eos: true })
    expect(whole).toMatchObject({ text: 'ab', finish_reason: 'stop' })
  })

  it('max_tokens cuts it short, stop strings and stop ids end it', async () => {
    const structured_outputs = { choice: ['a very long answer: really'] }
    const cut = await complete({ ...GREEDY, max_tokens: 3, structured_outputs })
    expect(cut.finish_reason).toBe('length')
    expect('a very long answer: really'.startsWith(cut.text)).toBe(true)
    expect(await complete({ ...GREEDY, stop: ' answer', structured_outputs })).toMatchObject({
      text: 'a very long',
      finish_reason: 'stop',
      stop_reason: ' answer',
    })
    const first = cut.token_ids[1] as number
    expect(await complete({ ...GREEDY, stop_token_ids: [first], structured_outputs })).toMatchObject({ stop_reason: first })
  })

  it('penalties and biases choose among what is allowed, whatever their size', async () => {
    const odd = {
      repetition_penalty: 1e6,
      presence_penalty: 2,
      frequency_penalty: 2,
      logit_bias: { [OPEN]: -90, [QUOTE]: -90, [END]: 100, [BACKSLASH]: -100, [DOT]: -100 },
    }
    for (const sampling of [GREEDY, { ...RANDOM, temperature: 0.01, seed: 3 }, { ...RANDOM, top_k: 3, min_p: 0.5, top_p: 0.5, seed: 3 }]) {
      const { text, finish_reason } = await complete({ ...sampling, ...odd, structured_outputs: { json: PERSON } })
      expect(finish_reason).toBe('stop')
      expectPerson(text)
    }
  })

  it('a stream gives the same text', async () => {
    const sampling = { ...RANDOM, seed: 9, structured_outputs: { json: PERSON } }
    const { text } = await complete(sampling)
    let streamed = ''
    for await (const chunk of llm.stream(PROMPT, sampling)) streamed += chunk.text
    expect(streamed).toBe(text)
  })

  it('a picture before it changes nothing', async () => {
    const golden = goldenCase('image')
    const { outputs } = await runCase(llm, 'qwen2_vl', golden, { ...GREEDY, structured_outputs: { json: PERSON } })
    expectPerson(outputs[0]?.text ?? '')
  })

  it('answers are what they were, and nothing is held', () => expectHealthy(llm))
})

describe('structured outputs beside other requests', () => {
  it('leave theirs alone, and are what they are alone', async () => {
    const strict = Object.values(FORMS).map(({ structured }): SamplingParams => ({ ...RANDOM, seed: 21, structured_outputs: structured }))
    const alone: string[] = []
    for (const sampling of strict) alone.push((await complete(sampling)).text)
    const plain: SamplingParams = { ...GREEDY, max_tokens: 40, ignore_eos: true }
    const [first, ...rest] = await Promise.all([complete(plain), ...strict.map((sampling) => complete(sampling)), complete(plain)])
    expect(rest.slice(0, -1).map(({ text }) => text)).toEqual(alone)
    expect([first.token_ids, rest.at(-1)?.token_ids]).toEqual([free.token_ids, free.token_ids])
  })

  it('keep their form when prompts are cut into chunks, come from the cache, or are put back for want of blocks', async () => {
    const sampling: SamplingParams = { ...RANDOM, seed: 33, structured_outputs: { json: PERSON } }
    const { text } = await complete(sampling)
    const [again] = await llm.generate(PROMPT, sampling)
    expect(again?.num_cached_tokens).toBeGreaterThan(0)
    expect(again?.outputs[0]?.text).toBe(text)
    // Room for one sequence of the full length and little more.
    const tight = await openGolden({
      seed: 11,
      max_num_batched_tokens: 16,
      max_model_len: 240,
      kv_cache_memory_bytes: 15 * 8192,
      max_num_seqs: 4,
    })
    try {
      const seeds = [33, 34, 35, 36]
      const wide = await Promise.all(seeds.map((seed) => complete({ ...sampling, seed })))
      const narrow = await Promise.all(seeds.map((seed) => complete({ ...sampling, seed }, tight)))
      expect(narrow.map((output) => output.text)).toEqual(wide.map((output) => output.text))
      await idle(tight)
      expect(await tight.stats()).toMatchObject({ kv_blocks_used: 0 })
    } finally {
      await tight.dispose()
    }
  })
})

describe('structured outputs that cannot be had are refused, and the next request works', () => {
  const refused: [structured: object, message: RegExp][] = [
    [{}, /^InvalidRequestError: structured_outputs must have exactly one of/],
    [{ json: PERSON, regex: 'a' }, /^InvalidRequestError: structured_outputs must have exactly one of.* got json and regex/],
    [{ json: '{' }, /^InvalidRequestError: structured_outputs\.json is a text that is no JSON/],
    [{ json: { type: 'strange' } }, /^InvalidRequestError: .*strange/],
    [{ json: false }, /^InvalidRequestError: /],
    [{ regex: '(a' }, /^InvalidRequestError: /],
    [{ regex: '(?<=a)b' }, /^InvalidRequestError: /],
    [{ choice: [] }, /^InvalidRequestError: structured_outputs\.choice must be/],
    [{ choice: [''] }, /^InvalidRequestError: structured_outputs \(choice\) allows nothing but an empty answer/],
  ]
  for (const [structured, message] of refused) {
    it(JSON.stringify(structured).slice(0, 60), async () => {
      expect(await rejection(llm.generate('a', { structured_outputs: structured } as SamplingParams))).toMatch(message)
      expect((await complete({ ...GREEDY, structured_outputs: { choice: ['fine'] } })).text).toBe('fine')
    })
  }

  it('nothing is held, and no rejection is left unhandled', async () => {
    await expectHealthy(llm)
    expect(unhandled).toEqual([])
  })
})
