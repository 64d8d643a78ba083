import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LLM } from '../../src/index.ts'
import { expectClose, expectExact } from '../support/golden-checks.ts'
import { type GoldenCase, readGolden, runCase } from '../support/goldens.ts'

const golden = await readGolden('qwen2_vl')
const MODEL = '/test/goldens/qwen2_vl/checkpoint'

const open = (options: object): Promise<LLM> => LLM.create({ model: MODEL, max_model_len: 512, max_num_seqs: 8, ...options })

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
      // Half-precision weights and keys move log-probabilities by up to 0.18 in PyTorch.
      expectClose(await runCase(llm, 'qwen2_vl', expected, golden.sampling_params), expected)
    })
  }
})
