import { describe, expect, it } from 'vitest'
import { crossAttention } from '../../src/kernels/cross-attention.ts'
import { crossAttention as reference } from '../reference/cross-attention.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

// As for vision-attention: only f32 arithmetic differs, on entries that are even in −2…2.
const TOLERANCE = 1e-5

// One key; fewer queries than a tile; more than one tile of each; MiniCPM-V's heads and queries.
const SHAPES: { queries: number; segments: number; segment: number; heads: number; headDim: number }[] = [
  { queries: 1, segments: 1, segment: 1, heads: 1, headDim: 4 },
  { queries: 4, segments: 3, segment: 5, heads: 2, headDim: 16 },
  { queries: 33, segments: 2, segment: 65, heads: 1, headDim: 72 },
  { queries: 64, segments: 2, segment: 100, heads: 3, headDim: 128 },
]

describe('cross-attention', () => {
  for (const shape of SHAPES) {
    const { queries, segments, segment, heads, headDim } = shape
    it(`lets ${queries} queries attend to ${segments} segments of ${segment}, ${heads} heads of ${headDim}`, async () => {
      const gpu = await testGpu()
      const width = heads * headDim
      const query = randomFloats(1, queries * width, -2, 2)
      const keys = randomFloats(2, segments * segment * width, -2, 2)
      const values = randomFloats(3, segments * segment * width, -2, 2)
      const [out] = await runOnce(gpu, (step) => {
        const result = step.scratch('f32', [segments * queries, width])
        const rows = [segments * segment, width]
        const sides = [upload(gpu, 'f32', rows, keys), upload(gpu, 'f32', rows, values)] as const
        crossAttention(step, upload(gpu, 'f32', [queries, width], query), sides, { heads, headDim, segment, out: result })
        return [result]
      })
      expect(maxError(out ?? [], reference(query, keys, values, shape))).toBeLessThan(TOLERANCE)
    })
  }

  it('refuses keys that are no whole segments', async () => {
    const gpu = await testGpu()
    const side = upload(gpu, 'f32', [5, 16], new Float32Array(80))
    const work = runOnce(gpu, (step) => {
      const out = step.scratch('f32', [6, 16])
      crossAttention(step, upload(gpu, 'f32', [2, 16], new Float32Array(32)), [side, side], { heads: 1, headDim: 16, segment: 2, out })
      return [out]
    })
    await expect(work).rejects.toThrow('5 keys')
  })
})
