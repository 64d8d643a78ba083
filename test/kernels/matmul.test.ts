import { describe, expect, it } from 'vitest'
import { matmul } from '../../src/kernels/matmul.ts'
import { testGpu } from '../support/gpu.ts'
import { formats, type LinearCase, linearError, nameOf } from '../support/linear-case.ts'

const cases: LinearCase[] = [
  // One row, tiles barely begun, tiles just full, and the larger tiles one or two past full, in each format.
  ...formats.flatMap((format) => [
    { format, tokens: 1, rows: 1, cols: 32 },
    { format, tokens: 9, rows: 63, cols: 64, bias: true },
    { format, tokens: 64, rows: 64, cols: 96, residual: true },
    { format, tokens: 129, rows: 66, cols: 160, bias: true, residual: true },
  ]),
  // Rows of a matrix that start in the middle of a word or of a strip.
  { format: 'f32', tokens: 33, rows: 7, cols: 4 },
  { format: 'f16', tokens: 33, rows: 7, cols: 4 },
  { format: 'f16', tokens: 12, rows: 65, cols: 588, bias: true },
  // The other activations are matvec's to test: the code after the sum is the same.
  { format: 'f32', tokens: 17, rows: 20, cols: 64, bias: true, residual: true, activation: 'gelu' },
  // Qwen2-VL-2B: keys and values of a 64-token prompt; a few rows of the vision tower's second MLP matrix, all of its 5120 columns.
  { format: 'q4', tokens: 64, rows: 512, cols: 1536, bias: true },
  { format: 'f16', tokens: 20, rows: 80, cols: 5120, bias: true, residual: true },
]

describe('matmul', () => {
  for (const c of cases) {
    it(`equals the sum of products, ${nameOf(c)}`, async () => {
      expect(await linearError(await testGpu(), matmul, c)).toBeLessThan(1)
    })
  }
})
