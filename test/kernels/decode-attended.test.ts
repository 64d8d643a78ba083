import { describe, expect, it } from 'vitest'
import { decodeAttended } from '../../src/kernels/decode-attended.ts'
import type { WeightFormat } from '../../src/layers/weights.ts'
import { attentionCombine } from '../reference/attention-combine.ts'
import { matmulReference } from '../reference/matmul.ts'
import { allowedError, decodeVariants, unpackActs, variantName, worstOf } from '../support/decode-case.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { packWeight } from '../support/pack-weight.ts'
import { randomFloats } from '../support/random.ts'

const SHAPES: { format: WeightFormat; next: WeightFormat; heads: number; splits: number; headDim: number; rows: number; bias?: boolean }[] =
  [
    { format: 'f32', next: 'f32', heads: 1, splits: 1, headDim: 8, rows: 4 },
    { format: 'f16', next: 'f16', heads: 3, splits: 2, headDim: 24, rows: 40, bias: true },
    { format: 'q8', next: 'q4', heads: 5, splits: 7, headDim: 32, rows: 96 },
    // Qwen2-VL-2B, of which fewer rows.
    { format: 'q4', next: 'q4', heads: 12, splits: 8, headDim: 128, rows: 160 },
  ]

describe('decode-attended', () => {
  for (const { format, next, heads, splits, headDim, rows, ...c } of SHAPES) {
    it(`merges ${splits} splits and multiplies, ${format} then ${next}, ${heads} heads of ${headDim} → ${rows}`, async () => {
      const gpu = await testGpu()
      const cols = heads * headDim
      const partials = randomFloats(1, cols * splits, -2, 2)
      const stats = randomFloats(2, heads * splits * 2, 0.1, 6)
      // Every third split of a row is empty, never its first; what it holds must not be read.
      for (let at = 0; at < heads * splits; at++) {
        if ((at % splits) % 3 !== 1) continue
        stats[2 * at + 1] = 0
        partials.fill(Number.NaN, at * headDim, (at + 1) * headDim)
      }
      const before = randomFloats(3, rows, -3, 3)
      const norm = randomFloats(4, rows, 0.5, 1.5)
      const bias = c.bias ? randomFloats(5, rows) : undefined
      const { weight, values: w } = packWeight(gpu, format, rows, cols, randomFloats(6, rows * cols), bias)
      const attended = attentionCombine(partials, stats, { tokens: 1, heads, splits, headDim })
      const { values: expected, magnitudes } = matmulReference({ x: attended, w, tokens: 1, rows, cols, bias, residual: before })
      const sizes = magnitudes.map((size, i) => size + Math.abs(before[i]!))
      for (const variant of await decodeVariants()) {
        if (variant.act === 'f16' && [format, next].includes('f32')) continue
        const [x = [], acts = []] = await runOnce(gpu, (step) => {
          const stream = upload(gpu, 'f32', [1, rows], before)
          const splitAttention = {
            partials: upload(gpu, 'f32', [1, heads, splits, headDim], partials),
            stats: upload(gpu, 'f32', [1, heads, splits, 2], stats),
          }
          const following = { norm: upload(gpu, 'f32', [rows], norm), format: next }
          return [stream, decodeAttended(step, stream, splitAttention, weight, following, variant).values]
        })
        // exp may be off by 3 + 2·6 units of 2^-23 (WGSL).
        const allowed = allowedError(cols, variant) + 15 * 2 ** -23
        expect(worstOf(x, expected, sizes, allowed), variantName(variant)).toBeLessThan(1)
        const scale = (values: Float64Array) => values.map((value, i) => value * norm[i]!)
        const stored = allowed + (variant.act === 'f16' ? 2 ** -11 : 2 ** -23)
        expect(worstOf(unpackActs(acts, rows, next, variant), scale(expected), scale(sizes), stored), variantName(variant)).toBeLessThan(1)
      }
    })
  }
})
