import { describe, expect, it } from 'vitest'
import { kvWrite } from '../../src/kernels/kv-write.ts'
import { kvWrite as reference } from '../reference/kv-write.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { pagedBatch, type SequenceTokens, uploadBatch } from '../support/paged-batch.ts'
import { randomFloats } from '../support/random.ts'

interface Shape {
  heads: number
  kvHeads: number
  headDim: number
  sequences: SequenceTokens[]
}

const SHAPES: Shape[] = [
  { heads: 1, kvHeads: 1, headDim: 16, sequences: [[0, 1]] },
  { heads: 4, kvHeads: 2, headDim: 64, sequences: [[14, 5]] },
  {
    heads: 3,
    kvHeads: 3,
    headDim: 80,
    sequences: [
      [0, 19],
      [33, 1],
      [16, 7],
    ],
  },
  {
    heads: 12,
    kvHeads: 2,
    headDim: 128,
    sequences: [
      [100, 40],
      [7, 1],
    ],
  },
]

// f32 pages hold what was written. A float16 may be either neighbour of the value (WGSL does not say which), so it is less than one
// step off: 2^-10 of its size, or 2^-24 near zero.
const slack = { f32: () => 0, f16: (value: number) => Math.max(Math.abs(value) * 2 ** -10, 2 ** -24) }

function worstExcess(actual: ArrayLike<number>, expected: Float64Array, dtype: 'f16' | 'f32'): number {
  let worst = 0
  expected.forEach((value, i) => {
    worst = Math.max(worst, Math.abs((actual[i] ?? Number.NaN) - value) - slack[dtype](value))
  })
  return worst
}

describe('kv-write', () => {
  for (const dtype of ['f32', 'f16'] as const) {
    for (const { heads, kvHeads, headDim, sequences } of SHAPES) {
      it(`writes ${dtype} pages of ${kvHeads} × ${headDim} and leaves the rest, sequences ${JSON.stringify(sequences)}`, async () => {
        const gpu = await testGpu()
        const batch = pagedBatch(sequences, 1)
        const roped = randomFloats(2, batch.tokens * (heads + kvHeads) * headDim, -8, 8)
        const qkv = randomFloats(3, batch.tokens * (heads + 2 * kvHeads) * headDim, -8, 8)
        // What lies in the pages before, in numbers that float16 has.
        const shape = [batch.blocks, kvHeads, 16, headDim]
        const before = new Float32Array(batch.blocks * kvHeads * 16 * headDim).fill(0.5)
        const [k, v] = await runOnce(gpu, (step) => {
          const kv = { k: upload(gpu, dtype, shape, before), v: upload(gpu, dtype, shape, before) }
          const rotated = upload(gpu, 'f32', [batch.tokens, (heads + kvHeads) * headDim], roped)
          const fused = upload(gpu, 'f32', [batch.tokens, (heads + 2 * kvHeads) * headDim], qkv)
          kvWrite(step, rotated, fused, kv, uploadBatch(gpu, batch), heads)
          return [kv.k, kv.v]
        })
        const expected = reference(roped, qkv, { k: before, v: before }, batch, { heads, kvHeads, headDim })
        expect(worstExcess(k ?? [], expected.k, dtype)).toBe(0)
        expect(worstExcess(v ?? [], expected.v, dtype)).toBe(0)
      })
    }
  }

  it('clamps what float16 cannot hold', async () => {
    const gpu = await testGpu()
    const batch = pagedBatch([[0, 1]], 1)
    const huge = Float32Array.from([1e6, -1e6, 65504, 1, 0, 0, 0, 0])
    const [k] = await runOnce(gpu, (step) => {
      const kv = { k: gpu.allocate('f16', [2, 1, 16, 4], 'k'), v: gpu.allocate('f16', [2, 1, 16, 4], 'v') }
      const roped = upload(gpu, 'f32', [1, 8], [0, 0, 0, 0, ...huge.subarray(0, 4)])
      kvWrite(step, roped, upload(gpu, 'f32', [1, 12], new Float32Array(12)), kv, uploadBatch(gpu, batch), 1)
      return [kv.k]
    })
    expect(Array.from(k?.subarray(64, 68) ?? [])).toEqual([65504, -65504, 65504, 1])
  })
})
