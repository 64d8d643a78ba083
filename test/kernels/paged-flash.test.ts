import { describe, expect, it } from 'vitest'
import { pagedFlash, takesPagedFlash } from '../../src/kernels/paged-flash.ts'
import { pagedAttention as reference } from '../reference/paged-attention.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { pagedBatch, randomPages, type SequenceTokens, uploadBatch } from '../support/paged-batch.ts'
import { randomFloats } from '../support/random.ts'

// As for vision-flash: queries and weights are rounded to f16, which moves scores and weights by up to 5e-3; values are below 2.
const TOLERANCE = 1e-2

const SHAPES: { heads: number; kvHeads: number; headDim: number; sequences: SequenceTokens[] }[] = [
  { heads: 1, kvHeads: 1, headDim: 16, sequences: [[0, 1]] },
  { heads: 4, kvHeads: 2, headDim: 16, sequences: [[0, 5]] },
  { heads: 4, kvHeads: 4, headDim: 64, sequences: [[7, 37]] },
  { heads: 4, kvHeads: 2, headDim: 72, sequences: [[0, 33]] },
  { heads: 2, kvHeads: 2, headDim: 96, sequences: [[50, 17]] },
  { heads: 3, kvHeads: 3, headDim: 32, sequences: [[5, 130]] },
  // A chunk in the middle of a prompt, single tokens of other sequences, and unused tiles between them.
  {
    ...{ heads: 6, kvHeads: 2, headDim: 80 },
    sequences: [
      [33, 20],
      [0, 1],
      [100, 1],
      [16, 16],
      [15, 1],
    ],
  },
  {
    ...{ heads: 14, kvHeads: 2, headDim: 64 },
    sequences: [
      [200, 1],
      [0, 3],
    ],
  },
  { heads: 12, kvHeads: 2, headDim: 128, sequences: [[90, 40]] },
]

describe('paged-flash', () => {
  for (const { heads, kvHeads, headDim, sequences } of SHAPES) {
    it(`attends with ${heads}/${kvHeads} heads of ${headDim}, sequences ${JSON.stringify(sequences)}`, async ({ skip }) => {
      const gpu = await testGpu()
      const batch = pagedBatch(sequences, headDim)
      const shape = [batch.blocks, kvHeads, 16, headDim]
      const empty = gpu.allocate('f16', shape, 'pages')
      if (!takesPagedFlash({ abilities: gpu.abilities, software: false }, { k: empty })) return skip('no subgroup matrices')
      const width = (heads + kvHeads) * headDim
      const roped = randomFloats(1, batch.tokens * width, -2, 2)
      const pages = { k: randomPages(batch, kvHeads, headDim, 'f16', 2), v: randomPages(batch, kvHeads, headDim, 'f16', 3) }
      const [out = []] = await runOnce(gpu, (step) => {
        const kv = { k: upload(gpu, 'f16', shape, pages.k), v: upload(gpu, 'f16', shape, pages.v) }
        const { blockTable, tiles } = uploadBatch(gpu, batch)
        return [pagedFlash(step, upload(gpu, 'f32', [batch.tokens, width], roped), kv, blockTable, tiles, heads)]
      })
      expect(maxError(out, reference(roped, pages, batch, { heads, kvHeads, headDim }))).toBeLessThan(TOLERANCE)
    })
  }
})
