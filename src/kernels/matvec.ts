// reference: matmul
import activate from '../../shaders/lib/activate.wgsl'
import activation from '../../shaders/lib/activation.wgsl'
import epilogue from '../../shaders/lib/epilogue.wgsl'
import code from '../../shaders/matvec.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { foldWorkgroups } from './lib/fold-workgroups.ts'
import { epilogueConstants, epilogueParams, type LinearCall, type RmsNorm } from './lib/linear-call.ts'
import { chunkColumns, perFormat } from './lib/weight-code.ts'

const kernels = perFormat((format, weight) =>
  defineKernel({
    name: `matvec-${format}`,
    code: [weight, activation, activate, epilogue, code],
    buffers: ['x', 'weight', 'scales', 'bias', 'residual', 'norm', 'output'],
    params: { tokens: 'u32', rows: 'u32', chunks: 'u32', has_bias: 'u32', has_residual: 'u32', epsilon: 'f32' },
  }),
)

/** MAX_TOKENS of the shader: tokens that share one reading of the weights. */
const MAX_TOKENS = 8

/** What matvec can do beside a linear layer. */
export interface MatvecOptions {
  /** Applied to x first. */
  readonly norm?: RmsNorm | undefined
  /** The weight holds gates, then as many ups: output [tokens, rows / 2] = silu(gate) · up, without activation and residual. */
  readonly gated?: boolean
}

/** Linear layer for few tokens. chunkColumns of the format divide cols. */
export function matvec(step: Step, call: LinearCall, { norm, gated = false }: MatvecOptions = {}): void {
  const { x, tokens, rows, cols, format, data, scales, bias, residual, output } = call
  const team = matvecTeam(call)
  const { none } = step
  step.dispatch(kernels[format], {
    buffers: [x, data, scales ?? none, bias ?? none, residual ?? none, norm?.weight ?? none, output],
    params: {
      tokens,
      rows: gated ? rows / 2 : rows,
      chunks: cols / chunkColumns[format],
      ...epilogueParams(call),
      epsilon: norm?.epsilon ?? 0,
    },
    constants: { ...epilogueConstants(call), ...team, GATED: gated ? 1 : 0, NORM: norm ? 1 : 0 },
    workgroups: [...foldWorkgroups(Math.ceil(rows / (team.TEAMS * team.ROWS))), Math.ceil(tokens / team.TOKENS)],
  })
}

interface Team {
  readonly LANES: number
  readonly TEAMS: number
  readonly ROWS: number
  readonly TOKENS: number
}

/**
 * The team that was fastest on an H200 for shapes like this one, of 2B to 8B models. Tokens are rounded up to a power of two, so that
 * few pipelines serve all batches.
 */
function matvecTeam({ tokens, rows, cols, format }: LinearCall): Team {
  const TOKENS = Math.min(MAX_TOKENS, 2 ** Math.ceil(Math.log2(tokens)))
  // Where rows are few, more threads share one, so that the whole GPU has work.
  const few = rows <= 4096
  if (TOKENS > 1) return few ? { LANES: 64, TEAMS: 1, ROWS: 4, TOKENS } : { LANES: 32, TEAMS: 2, ROWS: 4, TOKENS }
  if (few) return cols > 2 * rows ? { LANES: 128, TEAMS: 1, ROWS: 2, TOKENS } : { LANES: 64, TEAMS: 2, ROWS: 2, TOKENS }
  if (format === 'q4') return { LANES: 32, TEAMS: 1, ROWS: 4, TOKENS }
  return format === 'q8' ? { LANES: 16, TEAMS: 2, ROWS: 4, TOKENS } : { LANES: 16, TEAMS: 8, ROWS: 2, TOKENS }
}
