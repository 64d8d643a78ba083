import { describe, expect, it } from 'vitest'
import { matvec } from '../../src/kernels/matvec.ts'
import { testGpu } from '../support/gpu.ts'
import { formats, type LinearCase, linearError, nameOf } from '../support/linear-case.ts'

// Those alike in tokens share their pipelines.
const cases: readonly LinearCase[] = [
  // One row and fewer chunks than threads; several steps of a team, the last one not full; rows that leave a team unfilled.
  ...formats.flatMap((format) => [
    { format, tokens: 1, rows: 1, cols: 32 },
    { format, tokens: 1, rows: 13, cols: 2080, bias: true, residual: true },
    { format, tokens: 3, rows: 67, cols: 96, bias: true },
    { format, tokens: 4, rows: 83, cols: 160, residual: true },
  ]),
  // Rows that start in the middle of four words.
  { format: 'f32', tokens: 1, rows: 9, cols: 36 },
  { format: 'f16', tokens: 1, rows: 9, cols: 40 },
  // All tokens at once; many rows, which change the team.
  { format: 'q8', tokens: 8, rows: 17, cols: 160, bias: true, residual: true },
  { format: 'f16', tokens: 1, rows: 4099, cols: 40 },
  { format: 'q4', tokens: 2, rows: 4099, cols: 64 },
  // More tokens than share one reading.
  { format: 'q8', tokens: 19, rows: 17, cols: 160, bias: true, residual: true },
  { format: 'f32', tokens: 1, rows: 2, cols: 16, gated: true },
  { format: 'q4', tokens: 1, rows: 4202, cols: 64, gated: true },
  { format: 'f16', tokens: 3, rows: 74, cols: 200, bias: true, norm: true, gated: true },
  { format: 'q4', tokens: 1, rows: 21, cols: 1056, bias: true, norm: true },
  { format: 'f32', tokens: 9, rows: 5, cols: 36, norm: true },
  // Qwen2-VL-2B: queries, keys and values of one token; the second MLP matrix, of which fewer rows.
  { format: 'q4', tokens: 1, rows: 2048, cols: 1536, bias: true },
  { format: 'q4', tokens: 1, rows: 256, cols: 8960, residual: true },
]

const activationCases: readonly LinearCase[] = (['gelu', 'gelu-tanh', 'quick-gelu', 'silu'] as const).map((activation) => ({
  format: 'f32',
  tokens: 1,
  rows: 300,
  cols: 64,
  bias: true,
  residual: true,
  activation,
}))

describe('matvec', () => {
  for (const c of [...cases, ...activationCases]) {
    it(`equals the sum of products, ${nameOf(c)}`, async () => {
      expect(await linearError(await testGpu(), matvec, c)).toBeLessThan(1)
    })
  }
})
