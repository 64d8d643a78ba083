import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LLM } from '../../src/index.ts'
import { describeFloat16, expectExact, itEqualsTheReference } from '../support/golden-checks.ts'
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

  itEqualsTheReference('qwen2_vl', golden, () => llm)

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

describeFloat16('qwen2_vl', golden, open)
