import { describe, expect, it } from 'vitest'
import { takesVisionFlash, visionFlash } from '../../src/kernels/vision-flash.ts'
import { visionAttention as reference } from '../reference/vision-attention.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

// Queries, keys, values and weights are rounded to f16, each by 2^-12 of its size on average. Entries are even in −2…2: a score of 128
// products moves by 1e-3 (root mean square), five times that at the extreme, and weights by as much of their size; values are below 2.
const TOLERANCE = 1e-2

const SHAPES: { rows: number; heads: number; headDim: number; segment: number }[] = [
  { rows: 1, heads: 1, headDim: 16, segment: 1 },
  { rows: 24, heads: 2, headDim: 8, segment: 24 },
  { rows: 3 * 36, heads: 2, headDim: 64, segment: 36 },
  { rows: 2 * 20, heads: 2, headDim: 72, segment: 20 },
  { rows: 65, heads: 1, headDim: 96, segment: 65 },
  { rows: 33, heads: 2, headDim: 128, segment: 33 },
  // Qwen2-VL's tower, of which fewer rows.
  { rows: 300, heads: 16, headDim: 80, segment: 300 },
]

const takes = async (headDim: number): Promise<boolean> =>
  takesVisionFlash({ abilities: (await testGpu()).abilities, software: false }, headDim)

describe('vision-flash', () => {
  for (const shape of SHAPES) {
    const { rows, heads, headDim, segment } = shape
    it(`attends within segments of ${segment} of ${rows} rows, ${heads} heads of ${headDim}`, async ({ skip }) => {
      if (!(await takes(headDim))) return skip('no subgroup matrices')
      const gpu = await testGpu()
      const roped = randomFloats(1, rows * 2 * heads * headDim, -2, 2)
      const qkv = randomFloats(2, rows * 3 * heads * headDim, -2, 2)
      const [out = []] = await runOnce(gpu, (step) => {
        const queryKeys = upload(gpu, 'f32', [rows, 2 * heads * headDim], roped)
        return [visionFlash(step, queryKeys, upload(gpu, 'f32', [rows, 3 * heads * headDim], qkv), shape)]
      })
      expect(maxError(out, reference(roped, qkv, shape))).toBeLessThan(TOLERANCE)
    })
  }

  it('stays exact when scores are far apart, and the largest comes last', async ({ skip }) => {
    if (!(await takes(16))) return skip('no subgroup matrices')
    const gpu = await testGpu()
    const rows = 200
    // A row's scores are its query times 0, 10, 20 …: nearly all the weight is the last key's.
    const qkv = Float32Array.from({ length: rows * 48 }, (_, i) => {
      const [row, column] = [Math.floor(i / 48), i % 48]
      return column === 0 ? 40 : column === 16 ? row : column >= 32 ? row : 0
    })
    const [out = []] = await runOnce(gpu, (step) => {
      const tensor = upload(gpu, 'f32', [rows, 48], qkv)
      return [visionFlash(step, tensor, tensor, { heads: 1, headDim: 16, segment: rows })]
    })
    expect(maxError(out, new Float32Array(rows * 16).fill(rows - 1))).toBeLessThan(0.01)
  })
})
