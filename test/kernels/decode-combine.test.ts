import { describe, expect, it } from 'vitest'
import { decodeCombine } from '../../src/kernels/decode-combine.ts'
import type { WeightFormat } from '../../src/layers/weights.ts'
import { attentionCombine } from '../reference/attention-combine.ts'
import { decodeVariants, unpackActs, variantName, worstOf } from '../support/decode-case.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

const SHAPES: { tokens: number; heads: number; splits: number; headDim: number; next: WeightFormat }[] = [
  { tokens: 1, heads: 1, splits: 1, headDim: 32, next: 'q4' },
  { tokens: 2, heads: 3, splits: 2, headDim: 24, next: 'f16' },
  { tokens: 3, heads: 5, splits: 7, headDim: 32, next: 'q8' },
  { tokens: 1, heads: 12, splits: 16, headDim: 128, next: 'q4' },
]

describe('decode-combine', () => {
  for (const { tokens, heads, splits, headDim, next } of SHAPES) {
    it(`merges ${splits} splits for ${next}, ${tokens} × ${heads} heads of ${headDim}`, async () => {
      const gpu = await testGpu()
      const rows = tokens * heads * splits
      const partials = randomFloats(1, rows * headDim, -2, 2)
      const stats = randomFloats(2, rows * 2, 0.1, 6)
      // Every third split of a row is empty, never its first; what it holds must not be read.
      for (let at = 0; at < rows; at++) {
        if ((at % splits) % 3 !== 1) continue
        stats[2 * at + 1] = 0
        partials.fill(Number.NaN, at * headDim, (at + 1) * headDim)
      }
      const expected = attentionCombine(partials, stats, { tokens, heads, splits, headDim })
      for (const variant of await decodeVariants()) {
        const [out = []] = await runOnce(gpu, (step) => {
          const found = {
            partials: upload(gpu, 'f32', [tokens, heads, splits, headDim], partials),
            stats: upload(gpu, 'f32', [tokens, heads, splits, 2], stats),
          }
          return [decodeCombine(step, found, next, variant).values]
        })
        // exp may be off by 3 + 2·6 units of 2^-23 (WGSL); values are below 2. f16: one rounding more, to either neighbour.
        const allowed = 1e-5 + (variant.act === 'f16' ? 2 ** -9 : 0)
        const ones = expected.map(() => 1)
        expect(worstOf(unpackActs(out, heads * headDim, next, variant), expected, ones, allowed), variantName(variant)).toBeLessThan(1)
      }
    })
  }
})
