import { describe, it } from 'vitest'
import { decodeResidual } from '../../src/kernels/decode-residual.ts'
import { decodeVariants } from '../support/decode-case.ts'
import { expectResidual, type ResidualCase } from '../support/residual-case.ts'

const SHAPES: ResidualCase[] = [
  { format: 'f32', next: 'f32', tokens: 1, rows: 4, cols: 4 },
  { format: 'f16', next: 'f16', tokens: 1, rows: 24, cols: 40, bias: true },
  { format: 'q4', next: 'q4', tokens: 1, rows: 64, cols: 1056 },
  { format: 'q8', next: 'q4', tokens: 3, rows: 96, cols: 160, bias: true },
  { format: 'q4', next: 'q8', tokens: 16, rows: 160, cols: 64 },
  { format: 'q4', next: 'f16', tokens: 19, rows: 32, cols: 96 },
  // Fewer rows than columns, and more than 4096: other teams. Qwen2-VL-2B's second MLP matrix, of which fewer rows.
  { format: 'q8', next: 'q4', tokens: 1, rows: 4128, cols: 32 },
  { format: 'q4', next: 'q4', tokens: 1, rows: 256, cols: 8960 },
]

describe('decode-residual', () => {
  for (const shape of SHAPES) {
    const { format, next, tokens, rows, cols } = shape
    it(`adds to the stream and prepares what follows, ${format} then ${next}, ${tokens} × ${cols} → ${rows}`, async () => {
      for (const variant of await decodeVariants()) {
        if (variant.act === 'f16' && [format, next].includes('f32')) continue
        await expectResidual(shape, variant, (step, x, values, weight, norm) =>
          decodeResidual(step, x, { values, squares: undefined }, weight, { norm, format: next }, variant),
        )
      }
    })
  }
})
