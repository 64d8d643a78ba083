import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LLM } from '../../src/index.ts'
import { expectExact } from '../support/golden-checks.ts'
import { type GoldenCase, readGolden, runCase } from '../support/goldens.ts'

// The kernels for hardware on whatever GPU there is, SwiftShader too: every family's answers stay PyTorch's.
const FAMILIES = ['qwen2_vl', 'llava', 'phi3_v', 'minicpmv', 'ultravox']
const WITH = { name: 'with subgroups', disabled: ['software-kernels'] }
const WITHOUT = { name: 'without subgroups', disabled: ['software-kernels', 'subgroups'] }

for (const family of FAMILIES) {
  const golden = await readGolden(family)
  const cases = golden.cases.slice(0, 3)
  for (const { name, disabled } of family === 'qwen2_vl' ? [WITH, WITHOUT] : [WITH]) {
    describe(`${family}, kernels for hardware ${name}`, () => {
      let llm: LLM
      beforeAll(async () => {
        const model = `/test/goldens/${family}/checkpoint`
        llm = await LLM.create({ model, dtype: 'float32', max_model_len: 512, max_num_seqs: 8, disable_features: disabled })
      })
      afterAll(() => llm.dispose())

      it('gives the reference’s answers, one by one', async () => {
        for (const expected of cases) expectExact(await runCase(llm, family, expected, golden.sampling_params), expected)
      })

      it('gives the reference’s answers, all together', async () => {
        const outputs = await Promise.all(cases.map((expected) => runCase(llm, family, expected, golden.sampling_params)))
        for (const [i, output] of outputs.entries()) expectExact(output, cases[i] as GoldenCase)
        expect(outputs.length).toBe(cases.length)
      })
    })
  }
}
