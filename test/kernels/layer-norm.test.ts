import { describe, expect, it } from 'vitest'
import { layerNorm } from '../../src/layers/norm.ts'
import { layerNormReference } from '../reference/layer-norm.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

// One row; fewer values than threads; no multiple of them; Qwen2-VL's vision tower. An offset that dwarfs the spread shows whether
// the variance is summed around the mean.
const cases = [
  { rows: 1, width: 4, offset: 0 },
  { rows: 3, width: 64, offset: 0.5 },
  { rows: 7, width: 1028, offset: 1 },
  { rows: 9, width: 1280, offset: 0.1 },
  { rows: 2, width: 1280, offset: 1000 },
]

describe('layer-norm', () => {
  for (const { rows, width, offset } of cases) {
    it(`centres rows and scales them to a variance of one, ${rows} × ${width} around ${offset}`, async () => {
      const gpu = await testGpu()
      const x = randomFloats(1, rows * width, offset - 1, offset + 1)
      const [weight, bias] = [randomFloats(2, width), randomFloats(3, width)]
      const [actual = []] = await runOnce(gpu, (step) => {
        const vectors = [weight, bias].map((v) => upload(gpu, 'f32', [width], v))
        return [layerNorm(step, upload(gpu, 'f32', [rows, width], x), vectors[0]!, vectors[1]!, 1e-6)]
      })
      const expected = layerNormReference(x, weight, bias, rows, width, 1e-6)
      // Outputs are below 3. Some 20 roundings of 2^-24 as in rms-norm; those of the mean are relative to the offset, and the spread,
      // by which they are divided, is 0.5 or more.
      const roundings = 24 * 3 + (12 * Math.abs(offset)) / 0.5
      expect(maxError(actual, expected)).toBeLessThan(roundings * 2 ** -24)
    })
  }
})
