import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LLM, RequestOutput } from '../../src/index.ts'
import { firmSteps, type Golden, type GoldenCase, type GoldenTensor, logprobError, runCase } from './goldens.ts'

/** Ids, greedy tokens and log-probabilities as PyTorch's, within the tolerances of test/goldens/README.md for float32. */
export function expectExact(output: RequestOutput, expected: GoldenCase): void {
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

/** A float16 run follows the reference where its choice is firm, with log-probabilities within 0.25. */
function expectClose(output: RequestOutput, expected: GoldenCase): void {
  const [completion] = output.outputs
  const { generated, prompt_logprobs } = expected
  const steps = firmSteps(expected, 0.3)
  expect(output.prompt_token_ids).toEqual(expected.prompt_token_ids)
  expect(completion?.token_ids.slice(0, steps)).toEqual(generated.token_ids.slice(0, steps))
  const top = generated.top_logprobs.slice(0, steps)
  expect(logprobError(completion?.logprobs ?? [], generated.top_ids.slice(0, steps), top)).toBeLessThan(0.25)
  expect(logprobError(output.prompt_logprobs ?? [], prompt_logprobs.top_ids, prompt_logprobs.top_logprobs)).toBeLessThan(0.25)
}

/** The largest difference at the golden's sampled places, and what is allowed there: 1e-4 of the tensor's rms. */
export function compareTensor(actual: ArrayLike<number>, expected: GoldenTensor): { error: number; allowed: number } {
  const differences = expected.indices.map((at, i) => Math.abs((actual[at] ?? Number.NaN) - (expected.values[i] ?? 0)))
  return { error: Math.max(...differences), allowed: 1e-4 * expected.rms }
}

/** The tests that every generating family has in float32: each golden case alone, and all of them together. */
export function itEqualsTheReference(family: string, golden: Golden, llm: () => LLM): void {
  const run = (expected: GoldenCase): Promise<RequestOutput> => runCase(llm(), family, expected, golden.sampling_params)

  for (const expected of golden.cases) {
    it(`gives the reference’s tokens and log-probabilities: ${expected.name}`, async () => {
      expectExact(await run(expected), expected)
    })
  }

  it('gives each request its own answer when all run together', async () => {
    const outputs = await Promise.all(golden.cases.map(run))
    for (const [i, output] of outputs.entries()) expectExact(output, golden.cases[i] as GoldenCase)
  })
}

/** Every golden case in float16. Half-precision weights and keys move log-probabilities by up to 0.18 in PyTorch. */
export function describeFloat16(family: string, golden: Golden, open: (options: object) => Promise<LLM>): void {
  describe(`${family} in float16`, () => {
    let llm: LLM
    beforeAll(async () => {
      llm = await open({ dtype: 'float16' })
    })
    afterAll(() => llm.dispose())

    for (const expected of golden.cases) {
      it(`follows the reference where its choice is firm: ${expected.name}`, async () => {
        expectClose(await runCase(llm, family, expected, golden.sampling_params), expected)
      })
    }
  })
}
