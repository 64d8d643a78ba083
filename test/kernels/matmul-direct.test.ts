import { describe, expect, it } from 'vitest'
import { matmulDirect } from '../../src/kernels/matmul-direct.ts'
import { testGpu } from '../support/gpu.ts'
import { formats, type LinearCase, linearError, nameOf } from '../support/linear-case.ts'

const cases: LinearCase[] = [
  // Each tile, of 1, 4, 8 and 16 tokens, in each format: just full or barely begun, alone and one of several, rows past full.
  ...formats.flatMap((format) => [
    { format, tokens: 1, rows: 1, cols: 32 },
    { format, tokens: 1, rows: 45, cols: 96, bias: true, residual: true },
    { format, tokens: 3, rows: 63, cols: 64, bias: true },
    { format, tokens: 8, rows: 64, cols: 96, residual: true },
    { format, tokens: 33, rows: 66, cols: 160, bias: true, residual: true },
  ]),
  // Rows of a matrix that start in the middle of a word.
  { format: 'f32', tokens: 17, rows: 7, cols: 4 },
  { format: 'f16', tokens: 17, rows: 7, cols: 4 },
  { format: 'f16', tokens: 12, rows: 35, cols: 588, bias: true },
  { format: 'f32', tokens: 5, rows: 20, cols: 64, bias: true, residual: true, activation: 'gelu' },
  // The embedded model: queries, keys and values of one token, and the MLP of its vision tower.
  { format: 'f16', tokens: 1, rows: 448, cols: 320, bias: true },
  { format: 'f16', tokens: 64, rows: 256, cols: 1024, bias: true, residual: true },
]

describe('matmul-direct', () => {
  for (const c of cases) {
    it(`equals the sum of products, ${nameOf(c)}`, async () => {
      expect(await linearError(await testGpu(), matmulDirect, c)).toBeLessThan(1)
    })
  }
})
