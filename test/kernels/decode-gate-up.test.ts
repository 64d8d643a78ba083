import { describe, expect, it } from 'vitest'
import { decodeGateUp } from '../../src/kernels/decode-gate-up.ts'
import { decodeVariants, variantName } from '../support/decode-case.ts'
import { type GateUpCase, gateUpError } from '../support/gate-up-case.ts'

const SHAPES: GateUpCase[] = [
  { format: 'f32', next: 'f32', tokens: 1, rows: 4, cols: 4 },
  { format: 'f16', next: 'f16', tokens: 1, rows: 40, cols: 40, bias: true },
  { format: 'q4', next: 'q4', tokens: 1, rows: 32, cols: 1056 },
  { format: 'q8', next: 'q4', tokens: 3, rows: 96, cols: 160, bias: true },
  { format: 'q4', next: 'q8', tokens: 16, rows: 64, cols: 64 },
  { format: 'q4', next: 'f16', tokens: 19, rows: 32, cols: 96 },
  // More than 4096 rows of the weight; some of Qwen2-VL-2B's.
  { format: 'q4', next: 'q4', tokens: 1, rows: 2080, cols: 64 },
  { format: 'q4', next: 'q4', tokens: 1, rows: 160, cols: 1536 },
]

describe('decode-gate-up', () => {
  for (const shape of SHAPES) {
    const { format, next, tokens, rows, cols } = shape
    it(`gates the product with the norm, ${format} then ${next}, ${tokens} × ${cols} → 2 · ${rows}`, async () => {
      for (const variant of await decodeVariants()) {
        if (variant.act === 'f16' && [format, next].includes('f32')) continue
        const worst = await gateUpError(
          shape,
          variant,
          (step, input, weight) => decodeGateUp(step, input, weight, { epsilon: input.epsilon, next }, variant).values,
        )
        expect(worst, variantName(variant)).toBeLessThan(1)
      }
    })
  }
})
