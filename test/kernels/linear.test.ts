import { describe, expect, it } from 'vitest'
import { MATRIX_FEATURE } from '../../src/gpu/abilities.ts'
import { gatedLinear, linear } from '../../src/layers/linear.ts'
import type { LinearWeight } from '../../src/layers/weights.ts'
import { matmulReference } from '../reference/matmul.ts'
import { rmsNormReference } from '../reference/rms-norm.ts'
import { siluMulReference } from '../reference/silu-mul.ts'
import { relativeError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { packWeight } from '../support/pack-weight.ts'
import { randomFloats } from '../support/random.ts'

// Token counts on both sides of the changes of kernel, and columns that matvec cannot take.
const cases = [
  { tokens: 1, cols: 64 },
  { tokens: 16, cols: 64 },
  { tokens: 17, cols: 64 },
  { tokens: 2, cols: 36 },
]

// Sums of 64 products of numbers below 1.7, a norm and an exp: some 40 roundings of 2^-24, relative to the largest output, which is
// no smaller than a fifth of the sum of magnitudes.
const TOLERANCE = 5 * 40 * 2 ** -24
// Subgroup matrices take inputs rounded to f16, where there are such; and silu of a sum may be steeper than it by a tenth.
const HALF_TOLERANCE = 5 * 1.1 * 2 ** -11

const GPUS = [
  { name: 'in f32', disabled: [MATRIX_FEATURE], tolerance: TOLERANCE },
  { name: 'as the GPU likes it', disabled: [], tolerance: HALF_TOLERANCE },
]

describe('linear', () => {
  for (const { tokens, cols } of cases) {
    const rows = 48
    const [x, source, bias, gain] = [
      randomFloats(1, tokens * cols),
      randomFloats(2, rows * cols),
      randomFloats(3, rows),
      randomFloats(4, cols),
    ]
    const normed = rmsNormReference(x, gain, tokens, cols, 1e-5)

    it.each(GPUS)(`applies norm, weight, bias and residual, ${tokens} tokens of ${cols}, $name`, async ({ disabled, tolerance }) => {
      const gpu = await testGpu(disabled)
      const { weight, values: w } = packWeight(gpu, 'f16', rows, cols, source, bias)
      const residual = randomFloats(5, tokens * rows)
      const [actual = []] = await runOnce(gpu, (step) => {
        const options = {
          norm: { weight: upload(gpu, 'f32', [cols], gain), epsilon: 1e-5 },
          residual: upload(gpu, 'f32', [tokens, rows], residual),
        }
        return [linear(step, upload(gpu, 'f32', [tokens, cols], x), weight, options)]
      })
      const { values } = matmulReference({ x: normed, w, tokens, rows, cols, bias, residual })
      expect(relativeError(actual, values)).toBeLessThan(tolerance)
    })

    it.each(GPUS)(`gates the first half of the rows' outputs, ${tokens} tokens of ${cols}, $name`, async ({ disabled, tolerance }) => {
      const gpu = await testGpu(disabled)
      const { weight, values: w } = packWeight(gpu, 'f16', rows, cols, source, bias)
      const [actual = []] = await runOnce(gpu, (step) => {
        const norm = { weight: upload(gpu, 'f32', [cols], gain), epsilon: 1e-5 }
        return [gatedLinear(step, upload(gpu, 'f32', [tokens, cols], x), weight, { norm })]
      })
      const { values } = matmulReference({ x: normed, w, tokens, rows, cols, bias })
      expect(relativeError(actual, siluMulReference(values, tokens, rows / 2, false))).toBeLessThan(tolerance)
    })
  }

  it('says which shapes do not fit', async () => {
    const gpu = await testGpu()
    const { weight } = packWeight(gpu, 'f32', 3, 8, randomFloats(1, 24))
    const odd: LinearWeight = { ...weight, cols: 6 }
    const failing = (cols: number, w: LinearWeight) => runOnce(gpu, (step) => [linear(step, upload(gpu, 'f32', [1, cols], []), w)])
    await expect(failing(12, weight)).rejects.toThrow('input of linear has shape [1,12], its weight [3, 8]')
    await expect(failing(6, odd)).rejects.toThrow('6 columns')
  })
})
