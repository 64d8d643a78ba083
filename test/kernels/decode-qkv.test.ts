import { describe, it } from 'vitest'
import { decodeQkv } from '../../src/kernels/decode-qkv.ts'
import { decodeVariants } from '../support/decode-case.ts'
import { expectQkv, type QkvCase } from '../support/qkv-case.ts'

const SHAPES: QkvCase[] = [
  { format: 'f32', pages: 'f32', cached: [0], heads: 1, kvHeads: 1, headDim: 4, cols: 4 },
  { format: 'f16', pages: 'f32', cached: [14], heads: 3, kvHeads: 1, headDim: 16, cols: 40, bias: true },
  { format: 'q8', pages: 'f16', cached: [16, 5, 70], heads: 4, kvHeads: 2, headDim: 24, cols: 160, bias: true },
  { format: 'q4', pages: 'f16', cached: Array.from({ length: 17 }, (_, i) => 3 * i), heads: 2, kvHeads: 2, headDim: 32, cols: 96 },
  // Qwen2-VL-2B, of which fewer heads.
  { format: 'q4', pages: 'f16', cached: [100], heads: 3, kvHeads: 1, headDim: 128, cols: 1536, bias: true },
]

describe('decode-qkv', () => {
  for (const shape of SHAPES) {
    const { format, pages, cached, heads, kvHeads, headDim, cols } = shape
    it(`turns queries and writes ${pages} pages, ${format}, ${cached.length} × ${cols} → ${heads}/${kvHeads} heads of ${headDim}`, async () => {
      for (const variant of await decodeVariants()) {
        if (variant.act === 'f16' && format === 'f32') continue
        await expectQkv(shape, variant, (step, input, weight, to) =>
          decodeQkv(step, input, weight, { ...to, epsilon: input.epsilon }, variant),
        )
      }
    })
  }
})
