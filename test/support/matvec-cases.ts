import { formats, type LinearCase } from './linear-case.ts'

/** Shapes for the kernels of few tokens; those alike in tokens share their pipelines. */
export const matvecCases: readonly LinearCase[] = [
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
  { format: 'f32', tokens: 1, rows: 1, cols: 16, gated: true },
  { format: 'q4', tokens: 1, rows: 2100, cols: 64, gated: true },
  { format: 'f16', tokens: 3, rows: 37, cols: 200, bias: true, gated: true },
  // Qwen2-VL-2B: queries, keys and values of one token; the second MLP matrix, of which fewer rows.
  { format: 'q4', tokens: 1, rows: 2048, cols: 1536, bias: true },
  { format: 'q4', tokens: 1, rows: 256, cols: 8960, residual: true },
]

export const activationCases: readonly LinearCase[] = (['gelu', 'gelu-tanh', 'quick-gelu', 'silu'] as const).map((activation) => ({
  format: 'f32',
  tokens: 1,
  rows: 300,
  cols: 64,
  bias: true,
  residual: true,
  activation,
}))
