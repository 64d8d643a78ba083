import { describe, expect, it } from 'vitest'
import { splitAttention, takesSplitAttention } from '../../src/kernels/split-attention.ts'
import { pagedAttentionDecode as reference } from '../reference/paged-attention-decode.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { pagedBatch, randomPages, uploadBatch } from '../support/paged-batch.ts'
import { randomFloats } from '../support/random.ts'

// As for paged-attention-decode: only f32 arithmetic differs, by 1e-5 at most.
const TOLERANCE = 1e-5

interface Shape {
  dtypes: ('f16' | 'f32')[]
  heads: number
  kvHeads: number
  headDim: number
  /** Tokens in the cache before this one, per sequence. */
  cached: number[]
  splits: number
}

const SHAPES: Shape[] = [
  { dtypes: ['f16'], heads: 1, kvHeads: 1, headDim: 32, cached: [0], splits: 1 },
  { dtypes: ['f32'], heads: 4, kvHeads: 2, headDim: 64, cached: [4, 31, 32], splits: 1 },
  { dtypes: ['f32', 'f16'], heads: 4, kvHeads: 4, headDim: 96, cached: [100], splits: 4 },
  // Sequences of very different lengths: most splits of the short ones have nothing to do.
  { dtypes: ['f32'], heads: 6, kvHeads: 2, headDim: 64, cached: [0, 300, 33, 129], splits: 5 },
  { dtypes: ['f16'], heads: 3, kvHeads: 1, headDim: 128, cached: [90, 5], splits: 2 },
  { dtypes: ['f16'], heads: 12, kvHeads: 2, headDim: 128, cached: [700, 15], splits: 6 },
]

describe('split-attention', () => {
  for (const { dtypes, heads, kvHeads, headDim, cached, splits } of SHAPES) {
    for (const dtype of dtypes) {
      it(`splits ${cached} cached tokens in ${splits}, ${heads}/${kvHeads} heads of ${headDim}, ${dtype} pages`, async ({ skip }) => {
        const gpu = await testGpu()
        if (!takesSplitAttention({ abilities: gpu.abilities, software: false }, headDim)) return skip()
        const batch = pagedBatch(
          cached.map((count) => [count, 1]),
          headDim,
        )
        const width = (heads + kvHeads) * headDim
        const roped = randomFloats(1, batch.tokens * width, -2, 2)
        const pages = { k: randomPages(batch, kvHeads, headDim, dtype, 2), v: randomPages(batch, kvHeads, headDim, dtype, 3) }
        const queries = roped.filter((_, i) => i % width < heads * headDim)
        const [partials = [], stats = []] = await runOnce(gpu, (step) => {
          const shape = [batch.blocks, kvHeads, 16, headDim]
          const kv = { k: upload(gpu, dtype, shape, pages.k), v: upload(gpu, dtype, shape, pages.v) }
          const query = upload(gpu, 'f32', [batch.tokens, heads * headDim], queries)
          const found = splitAttention(step, query, kv, uploadBatch(gpu, batch), heads, splits)
          return [found.partials, found.stats]
        })
        const expected = reference(roped, pages, batch, { heads, kvHeads, headDim, splits })
        // Empty splits say so with a sum of 0; their partials are undefined.
        expected.sums.forEach((sum, at) => {
          expect(Math.abs((stats[2 * at + 1] ?? Number.NaN) - sum)).toBeLessThan(TOLERANCE * Math.max(sum, 1))
          if (sum === 0) return
          expect(Math.abs((stats[2 * at] ?? Number.NaN) - (expected.tops[at] ?? 0))).toBeLessThan(TOLERANCE)
          for (let d = at * headDim; d < (at + 1) * headDim; d++) {
            expect(Math.abs((partials[d] ?? Number.NaN) - (expected.partials[d] ?? 0))).toBeLessThan(TOLERANCE)
          }
        })
      })
    }
  }
})
