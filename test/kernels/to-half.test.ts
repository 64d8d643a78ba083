import { describe, expect, it } from 'vitest'
import { toHalf } from '../../src/kernels/to-half.ts'
import { toHalfReference } from '../reference/to-half.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

const run = async (values: Float32Array) => {
  const gpu = await testGpu()
  const [out] = await runOnce(gpu, (step) => [toHalf(step, upload(gpu, 'f32', [values.length], values))])
  return out as Float32Array
}

describe('to-half', () => {
  for (const count of [4, 252, 1028, 1536 * 300]) {
    it(`rounds ${count} values to a neighbouring float16`, async () => {
      const values = randomFloats(1, count, -300, 300)
      const expected = toHalfReference(values)
      const actual = await run(values)
      // WGSL leaves open which of the two neighbours it is.
      const unit = (i: number): number => 2 ** (Math.floor(Math.log2(Math.abs(values[i]!))) - 10)
      const worst = actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!) / unit(i)), 0)
      expect(worst).toBeLessThanOrEqual(1)
    })
  }

  it('keeps float16 numbers, and takes the largest one for what lies beyond', async () => {
    const values = Float32Array.of(0, 1, -2.5, 65504, 1e6, -7e4, 2 ** -14, 0.0999755859375)
    expect([...(await run(values))]).toEqual([0, 1, -2.5, 65504, 65504, -65504, 2 ** -14, 0.0999755859375])
  })
})
