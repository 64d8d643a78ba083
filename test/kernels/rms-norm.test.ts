import { describe, expect, it } from 'vitest'
import { rmsNorm } from '../../src/layers/norm.ts'
import { rmsNormReference } from '../reference/rms-norm.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

// One row; fewer values than threads; no multiple of them; Qwen2-VL-2B's hidden size and Ultravox's stacked frames.
const cases = [
  { rows: 1, width: 4 },
  { rows: 3, width: 64 },
  { rows: 7, width: 1028 },
  { rows: 5, width: 1536 },
  { rows: 2, width: 6144 },
]

async function run(x: Float32Array, weight: Float32Array, rows: number, epsilon: number): Promise<ArrayLike<number>> {
  const gpu = await testGpu()
  const width = weight.length
  const inputs = { x: upload(gpu, 'f32', [rows, width], x), weight: upload(gpu, 'f32', [width], weight) }
  const [actual] = await runOnce(gpu, (step) => [rmsNorm(step, inputs.x, inputs.weight, epsilon)])
  return actual ?? []
}

describe('rms-norm', () => {
  for (const { rows, width } of cases) {
    it(`scales rows to a root mean square of one, ${rows} × ${width}`, async () => {
      const x = randomFloats(1, rows * width, -3, 5)
      const weight = randomFloats(2, width)
      const expected = rmsNormReference(x, weight, rows, width, 1e-6)
      // Outputs are below 2. The sum is a tree over chains of width / 1024 additions at most: some 20 roundings of 2^-24, twice 2^-24
      // for the root and each product.
      expect(maxError(await run(x, weight, rows, 1e-6), expected)).toBeLessThan(2 * 24 * 2 ** -24)
    })
  }

  it('adds epsilon to the mean, not to the root', async () => {
    const x = randomFloats(3, 64, -1e-3, 1e-3)
    const weight = new Float32Array(64).fill(1)
    expect(maxError(await run(x, weight, 1, 1e-5), rmsNormReference(x, weight, 1, 64, 1e-5))).toBeLessThan(24 * 2 ** -24)
  })
})
