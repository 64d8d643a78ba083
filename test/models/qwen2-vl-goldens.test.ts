import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LLM, type RequestOutput } from '../../src/index.ts'
import { firmSteps, type GoldenCase, logprobError, readGolden, runCase } from '../support/goldens.ts'

const golden = await readGolden('qwen2_vl')
const MODEL = '/test/goldens/qwen2_vl/checkpoint'

const open = (options: object): Promise<LLM> => LLM.create({ model: MODEL, max_model_len: 512, max_num_seqs: 8, ...options })

/** Ids, greedy tokens and log-probabilities as PyTorch's, within the tolerances of test/goldens/README.md for float32. */
function expectExact(output: RequestOutput, expected: GoldenCase): void {
  const [completion] = output.outputs
  expect(output.prompt_token_ids).toEqual(expected.prompt_token_ids)
  expect(completion?.token_ids).toEqual(expected.generated.token_ids)
  expect(completion?.text).toBe(expected.generated.text)
  expect(logprobError(completion?.logprobs ?? [], expected.generated.top_ids, expected.generated.top_logprobs)).toBeLessThan(2e-3)
  const chosen = completion?.token_ids.map((id, i) =>
    Math.abs((completion.logprobs?.[i]?.[id]?.logprob ?? 99) - (expected.generated.logprobs[i] ?? 0)),
  )
  expect(Math.max(...(chosen ?? [99]))).toBeLessThan(2e-3)
  const prompt = output.prompt_logprobs ?? []
  expect(prompt.length).toBe(expected.prompt_token_ids.length)
  expect(logprobError(prompt, expected.prompt_logprobs.top_ids, expected.prompt_logprobs.top_logprobs)).toBeLessThan(2e-3)
}

describe('qwen2_vl in float32 through the public API', () => {
  let llm: LLM
  beforeAll(async () => {
    llm = await open({ dtype: 'float32' })
  })
  afterAll(() => llm.dispose())

  for (const expected of golden.cases) {
    it(`gives the reference’s tokens and log-probabilities: ${expected.name}`, async () => {
      expectExact(await runCase(llm, 'qwen2_vl', expected, golden.sampling_params), expected)
    })
  }

  it('gives each request its own answer when all run together', async () => {
    const outputs = await Promise.all(golden.cases.map((expected) => runCase(llm, 'qwen2_vl', expected, golden.sampling_params)))
    for (const [i, output] of outputs.entries()) expectExact(output, golden.cases[i] as GoldenCase)
  })

  it('gives the same answers from the prefix cache', async () => {
    const expected = golden.cases[0] as GoldenCase
    const { prompt_logprobs: _, ...sampling } = golden.sampling_params
    await runCase(llm, 'qwen2_vl', expected, sampling)
    const again = await runCase(llm, 'qwen2_vl', expected, sampling)
    expect(again.num_cached_tokens).toBeGreaterThan(0)
    expect(again.outputs[0]?.token_ids).toEqual(expected.generated.token_ids)
  })
})

describe('qwen2_vl with prompts cut into small chunks', () => {
  let llm: LLM
  beforeAll(async () => {
    llm = await open({ dtype: 'float32', max_num_batched_tokens: 24, enable_prefix_caching: false })
  })
  afterAll(() => llm.dispose())

  it('gives the same answers, one by one and together', async () => {
    const cases = golden.cases.slice(0, 3)
    for (const expected of cases) expectExact(await runCase(llm, 'qwen2_vl', expected, golden.sampling_params), expected)
    const outputs = await Promise.all(cases.map((expected) => runCase(llm, 'qwen2_vl', expected, golden.sampling_params)))
    for (const [i, output] of outputs.entries()) expectExact(output, cases[i] as GoldenCase)
  })
})

describe('qwen2_vl in float16', () => {
  let llm: LLM
  beforeAll(async () => {
    llm = await open({ dtype: 'float16' })
  })
  afterAll(() => llm.dispose())

  for (const expected of golden.cases) {
    it(`follows the reference where its choice is firm: ${expected.name}`, async () => {
      const output = await runCase(llm, 'qwen2_vl', expected, golden.sampling_params)
      const [completion] = output.outputs
      const steps = firmSteps(expected, 0.3)
      expect(output.prompt_token_ids).toEqual(expected.prompt_token_ids)
      expect(completion?.token_ids.slice(0, steps)).toEqual(expected.generated.token_ids.slice(0, steps))
      // Half-precision weights and keys move log-probabilities by up to 0.18 in PyTorch; the goldens allow 0.25.
      const top = expected.generated.top_logprobs.slice(0, steps)
      expect(logprobError(completion?.logprobs ?? [], expected.generated.top_ids.slice(0, steps), top)).toBeLessThan(0.25)
      expect(
        logprobError(output.prompt_logprobs ?? [], expected.prompt_logprobs.top_ids, expected.prompt_logprobs.top_logprobs),
      ).toBeLessThan(0.25)
    })
  }
})
