import { describe, expect, it } from 'vitest'
import { attentionCombine } from '../../src/kernels/attention-combine.ts'
import { attentionCombine as reference } from '../reference/attention-combine.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats, seededRandom } from '../support/random.ts'

// A weighted mean of numbers below 1. The shares' exponents are up to 10 in size, which f32 rounds by 2^-21, and WGSL allows exp
// another 3 + 2 · 10 units of 2^-23: 4e-6 in all, of shares that sum to 1.
const TOLERANCE = 8e-6

const SHAPES: { tokens: number; heads: number; splits: number; headDim: number }[] = [
  { tokens: 1, heads: 1, splits: 1, headDim: 16 },
  { tokens: 2, heads: 3, splits: 2, headDim: 72 },
  { tokens: 5, heads: 4, splits: 7, headDim: 80 },
  { tokens: 3, heads: 12, splits: 16, headDim: 128 },
]

describe('attention-combine', () => {
  for (const shape of SHAPES) {
    const { tokens, heads, splits, headDim } = shape
    it(`merges ${splits} splits of ${tokens} × ${heads} heads of ${headDim}, empty ones between them`, async () => {
      const gpu = await testGpu()
      const random = seededRandom(splits)
      const partials = randomFloats(1, tokens * heads * splits * headDim)
      const stats = new Float32Array(tokens * heads * splits * 2)
      for (let at = 0; at < stats.length / 2; at++) {
        const empty = at % splits !== 0 && random() < 0.4
        stats[2 * at] = empty ? -1e30 : random() * 10 - 5
        stats[2 * at + 1] = empty ? 0 : 1 + random() * 30
        // Nobody writes an empty split's partial, so anything may stand there.
        if (empty) partials.fill(Number.NaN, at * headDim, (at + 1) * headDim)
      }
      const [out] = await runOnce(gpu, (step) => [
        attentionCombine(step, {
          partials: upload(gpu, 'f32', [tokens, heads, splits, headDim], partials),
          stats: upload(gpu, 'f32', [tokens, heads, splits, 2], stats),
        }),
      ])
      expect(maxError(out ?? [], reference(partials, stats, shape))).toBeLessThan(TOLERANCE)
    })
  }
})
