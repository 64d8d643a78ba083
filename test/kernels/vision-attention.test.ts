import { describe, expect, it } from 'vitest'
import { visionAttention } from '../../src/kernels/vision-attention.ts'
import { visionAttention as reference } from '../reference/vision-attention.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

// Only f32 arithmetic differs. Entries are even in −2…2: rounding moves a score of 128 products
// by 3e-7 (root mean square), five times that at the extreme; exp, of up to −10, may be off by 3 + 2 · 10 units of 2^-23
// (WGSL). Weights are then off by 4.5e-6 of their size, and values are below 2.
const TOLERANCE = 1e-5

const SHAPES: { rows: number; heads: number; headDim: number; segment: number }[] = [
  { rows: 1, heads: 1, headDim: 16, segment: 1 },
  { rows: 24, heads: 2, headDim: 16, segment: 24 },
  { rows: 9, heads: 3, headDim: 4, segment: 3 },
  { rows: 3 * 36, heads: 2, headDim: 64, segment: 36 },
  { rows: 2 * 20, heads: 2, headDim: 72, segment: 20 },
  { rows: 65, heads: 1, headDim: 96, segment: 65 },
  { rows: 33, heads: 2, headDim: 128, segment: 33 },
  { rows: 100, heads: 16, headDim: 80, segment: 100 },
]

describe('vision-attention', () => {
  for (const shape of SHAPES) {
    const { rows, heads, headDim, segment } = shape
    it(`attends within segments of ${segment} of ${rows} rows, ${heads} heads of ${headDim}`, async () => {
      const gpu = await testGpu()
      const roped = randomFloats(1, rows * 2 * heads * headDim, -2, 2)
      const qkv = randomFloats(2, rows * 3 * heads * headDim, -2, 2)
      const [out] = await runOnce(gpu, (step) => [
        visionAttention(
          step,
          upload(gpu, 'f32', [rows, 2 * heads * headDim], roped),
          upload(gpu, 'f32', [rows, 3 * heads * headDim], qkv),
          shape,
        ),
      ])
      expect(maxError(out ?? [], reference(roped, qkv, shape))).toBeLessThan(TOLERANCE)
    })
  }

  it('takes queries and keys where nothing has turned them', async () => {
    const gpu = await testGpu()
    const shape = { rows: 51, heads: 3, headDim: 8, segment: 17 }
    const width = shape.heads * shape.headDim
    const qkv = randomFloats(3, shape.rows * 3 * width, -2, 2)
    const queryKeys = Float32Array.from({ length: shape.rows * 2 * width }, (_, i) => {
      return qkv[Math.floor(i / (2 * width)) * 3 * width + (i % (2 * width))] as number
    })
    const [out] = await runOnce(gpu, (step) => {
      const tensor = upload(gpu, 'f32', [shape.rows, 3 * width], qkv)
      return [visionAttention(step, tensor, tensor, shape)]
    })
    expect(maxError(out ?? [], reference(queryKeys, qkv, shape))).toBeLessThan(TOLERANCE)
  })

  it('refuses rows that are no whole segments', async () => {
    const gpu = await testGpu()
    const work = runOnce(gpu, (step) => [
      visionAttention(step, upload(gpu, 'f32', [5, 32], new Float32Array(160)), upload(gpu, 'f32', [5, 48], new Float32Array(240)), {
        heads: 1,
        headDim: 16,
        segment: 2,
      }),
    ])
    await expect(work).rejects.toThrow('5 rows')
  })
})
