import { describe, expect, it } from 'vitest'
import { pagedAttentionDecode } from '../../src/kernels/paged-attention-decode.ts'
import { pagedAttentionDecode as reference } from '../reference/paged-attention-decode.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { pagedBatch, randomPages, uploadBatch } from '../support/paged-batch.ts'
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
  /** Tokens in the cache before this one, per sequence. */
  cached: number[]
  splits: number
  /** With the workgroups for SwiftShader. */
  software?: boolean
}

const SHAPES: Shape[] = [
  { dtypes: ['f16'], heads: 1, kvHeads: 1, headDim: 16, cached: [0], splits: 1 },
  { dtypes: ['f32'], heads: 4, kvHeads: 2, headDim: 16, cached: [4, 31, 32], splits: 1 },
  { dtypes: ['f16'], heads: 3, kvHeads: 1, headDim: 4, cached: [70], splits: 2 },
  { dtypes: ['f32', 'f16'], heads: 4, kvHeads: 4, headDim: 64, cached: [100], splits: 4 },
  { dtypes: ['f32'], heads: 10, kvHeads: 2, headDim: 72, cached: [63, 64], splits: 2 },
  { dtypes: ['f16'], heads: 2, kvHeads: 2, headDim: 96, cached: [40], splits: 8 },
  // Sequences of very different lengths: most splits of the short ones have nothing to do.
  { dtypes: ['f32'], heads: 6, kvHeads: 2, headDim: 80, cached: [0, 300, 33, 129], splits: 5 },
  { dtypes: ['f16'], heads: 14, kvHeads: 1, headDim: 64, cached: [90, 5], splits: 2 },
  { dtypes: ['f16'], heads: 12, kvHeads: 2, headDim: 128, cached: [700, 15], splits: 6 },
  { dtypes: ['f16'], heads: 1, kvHeads: 1, headDim: 4, cached: [0], splits: 1, software: true },
  { dtypes: ['f16', 'f32'], heads: 5, kvHeads: 1, headDim: 64, cached: [90, 5], splits: 4, software: true },
  { dtypes: ['f32'], heads: 8, kvHeads: 1, headDim: 72, cached: [63, 64], splits: 2, software: true },
  { dtypes: ['f16'], heads: 12, kvHeads: 2, headDim: 128, cached: [130, 15], splits: 3, software: true },
]

describe('paged-attention-decode', () => {
  for (const { dtypes, heads, kvHeads, headDim, cached, splits, software = false } of SHAPES) {
    for (const dtype of dtypes) {
      it(`splits ${cached} cached tokens in ${splits}, ${heads}/${kvHeads} heads of ${headDim}, ${dtype} pages${software ? ', for software adapters' : ''}`, async () => {
        const gpu = await testGpu()
        const batch = pagedBatch(
          cached.map((count) => [count, 1]),
          headDim,
        )
        const width = (heads + kvHeads) * headDim
        const roped = randomFloats(1, batch.tokens * width, -2, 2)
        const pages = { k: randomPages(batch, kvHeads, headDim, dtype, 2), v: randomPages(batch, kvHeads, headDim, dtype, 3) }
        const [partials = [], stats = []] = await runOnce(
          gpu,
          (step) => {
            const shape = [batch.blocks, kvHeads, 16, headDim]
            const kv = { k: upload(gpu, dtype, shape, pages.k), v: upload(gpu, dtype, shape, pages.v) }
            const query = upload(gpu, 'f32', [batch.tokens, width], roped)
            const found = pagedAttentionDecode(step, query, kv, uploadBatch(gpu, batch), heads, splits)
            return [found.partials, found.stats]
          },
          { software },
        )
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
