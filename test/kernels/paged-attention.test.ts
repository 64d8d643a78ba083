import { describe, expect, it } from 'vitest'
import { pagedAttention } from '../../src/kernels/paged-attention.ts'
import { pagedAttention as reference } from '../reference/paged-attention.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { pagedBatch, randomPages, type SequenceTokens, uploadBatch } from '../support/paged-batch.ts'
import { randomFloats } from '../support/random.ts'

// Pages hold the same numbers on both sides, so only f32 arithmetic differs. Entries are even in −2…2: rounding moves a score of 128
// products by 3e-7 (root mean square), five times that at the extreme; exp, of up to −10, may be off by 3 + 2 · 10 units of 2^-23
// (WGSL). Weights are then off by 4.5e-6 of their size, and values are below 2.
const TOLERANCE = 1e-5

interface Shape {
  dtypes: ('f16' | 'f32')[]
  heads: number
  kvHeads: number
  headDim: number
  sequences: SequenceTokens[]
}

const SHAPES: Shape[] = [
  { dtypes: ['f32'], heads: 1, kvHeads: 1, headDim: 16, sequences: [[0, 1]] },
  { dtypes: ['f16'], heads: 4, kvHeads: 2, headDim: 16, sequences: [[0, 5]] },
  { dtypes: ['f32'], heads: 3, kvHeads: 1, headDim: 4, sequences: [[3, 18]] },
  { dtypes: ['f32', 'f16'], heads: 4, kvHeads: 4, headDim: 64, sequences: [[7, 37]] },
  { dtypes: ['f16'], heads: 4, kvHeads: 2, headDim: 72, sequences: [[0, 33]] },
  { dtypes: ['f32'], heads: 2, kvHeads: 2, headDim: 96, sequences: [[50, 17]] },
  { dtypes: ['f32'], heads: 1, kvHeads: 1, headDim: 8, sequences: [[5, 130]] },
  // A chunk in the middle of a prompt, single tokens of other sequences, and unused tiles between them.
  {
    dtypes: ['f16'],
    heads: 6,
    kvHeads: 2,
    headDim: 80,
    sequences: [
      [33, 20],
      [0, 1],
      [100, 1],
      [16, 16],
      [15, 1],
    ],
  },
  {
    dtypes: ['f32'],
    heads: 14,
    kvHeads: 2,
    headDim: 64,
    sequences: [
      [200, 1],
      [0, 3],
    ],
  },
  { dtypes: ['f16'], heads: 12, kvHeads: 2, headDim: 128, sequences: [[90, 40]] },
]

describe('paged-attention', () => {
  for (const { dtypes, heads, kvHeads, headDim, sequences } of SHAPES) {
    for (const dtype of dtypes) {
      it(`attends with ${heads}/${kvHeads} heads of ${headDim} over ${dtype} pages, sequences ${JSON.stringify(sequences)}`, async () => {
        const gpu = await testGpu()
        const batch = pagedBatch(sequences, headDim)
        const width = (heads + kvHeads) * headDim
        const roped = randomFloats(1, batch.tokens * width, -2, 2)
        const pages = { k: randomPages(batch, kvHeads, headDim, dtype, 2), v: randomPages(batch, kvHeads, headDim, dtype, 3) }
        const [out] = await runOnce(gpu, (step) => {
          const shape = [batch.blocks, kvHeads, 16, headDim]
          const kv = { k: upload(gpu, dtype, shape, pages.k), v: upload(gpu, dtype, shape, pages.v) }
          const { blockTable, tiles } = uploadBatch(gpu, batch)
          return [pagedAttention(step, upload(gpu, 'f32', [batch.tokens, width], roped), kv, blockTable, tiles, heads)]
        })
        const expected = reference(roped, pages, batch, { heads, kvHeads, headDim })
        expect(maxError(out ?? [], expected)).toBeLessThan(TOLERANCE)
      })
    }
  }

  it('stays exact when scores are far apart', async () => {
    const gpu = await testGpu()
    const batch = pagedBatch([[0, 40]], 1)
    // Keys point along one axis with sizes 0…39 in falling order of use, so that the maximum moves in every tile: exp overflows without it.
    const k = new Float32Array(batch.blocks * 16 * 16)
    const v = new Float32Array(k.length)
    batch.tokenSlot.forEach((slot) => {
      const at = ((batch.blockTable[Math.floor(slot / 16)] ?? 0) * 16 + (slot % 16)) * 16
      k[at] = slot * 40
      v.fill(slot, at, at + 16)
    })
    const roped = new Float32Array(batch.tokens * 32).map((_, i) => (i % 32 === 0 ? 4 : 0))
    const [out] = await runOnce(gpu, (step) => {
      const shape = [batch.blocks, 1, 16, 16]
      const kv = { k: upload(gpu, 'f32', shape, k), v: upload(gpu, 'f32', shape, v) }
      const { blockTable, tiles } = uploadBatch(gpu, batch)
      return [pagedAttention(step, upload(gpu, 'f32', [batch.tokens, 32], roped), kv, blockTable, tiles, 1)]
    })
    // Scores are 40 apart, so each token's own slot takes all the weight: e^-40 is nothing beside 1.
    expect(Array.from(out ?? [])).toEqual(Array.from({ length: 40 * 16 }, (_, i) => Math.floor(i / 16)))
  })
})
