import { formats, type LinearCase } from './linear-case.ts'

/** Shapes for the kernels of few tokens. */
export const matvecCases: readonly LinearCase[] = [
  // One row and fewer chunks than threads; rows that leave a team unfilled; several steps of a team, the last one not full.
  ...formats.flatMap((format) => [
    { format, tokens: 1, rows: 1, cols: 32 },
    { format, tokens: 1, rows: 13, cols: 1056, bias: true, residual: true },
    { format, tokens: 1, rows: 5, cols: 2080, bias: true },
    { format, tokens: 3, rows: 67, cols: 64, bias: true },
    { format, tokens: 4, rows: 17, cols: 160, bias: true, residual: true },
  ]),
  { format: 'f32', tokens: 8, rows: 9, cols: 36 },
  { format: 'f16', tokens: 5, rows: 9, cols: 40 },
  ...(['gelu', 'gelu-tanh', 'quick-gelu', 'silu'] as const).map((activation) => ({
    format: 'f32' as const,
    tokens: 2,
    rows: 30,
    cols: 64,
    bias: true,
    residual: true,
    activation,
  })),
  // Qwen2-VL-2B: queries, keys and values of one token; the second MLP matrix, of which fewer rows.
  { format: 'q4', tokens: 1, rows: 2048, cols: 1536, bias: true },
  { format: 'f16', tokens: 1, rows: 2048, cols: 1536, bias: true },
  { format: 'q4', tokens: 4, rows: 256, cols: 8960, residual: true },
]
