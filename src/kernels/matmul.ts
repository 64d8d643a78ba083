import activate from '../../shaders/lib/activate.wgsl'
import activation from '../../shaders/lib/activation.wgsl'
import epilogue from '../../shaders/lib/epilogue.wgsl'
import code from '../../shaders/matmul.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { epilogueConstants, epilogueParams, type LinearCall } from './lib/linear-call.ts'
import { perFormat } from './lib/weight-code.ts'

const kernels = perFormat((format, weight) =>
  defineKernel({
    name: `matmul-${format}`,
    code: [weight, activation, activate, epilogue, code],
    buffers: ['x', 'weight', 'scales', 'bias', 'residual', 'output'],
    params: { tokens: 'u32', rows: 'u32', quads: 'u32', has_bias: 'u32', has_residual: 'u32' },
  }),
)

/** Most tokens for which a tile is 32 × 32, not 64 × 64: fewer tiles than that would leave parts of a large GPU idle. */
const SMALL_TILE_TOKENS = 128

/** Linear layer for many tokens. 4 divides cols. */
export function matmul(step: Step, call: LinearCall): void {
  const { x, tokens, rows, cols, data, scales, bias, residual, output } = call
  const tile = tokens <= SMALL_TILE_TOKENS ? 32 : 64
  const { none } = step
  step.dispatch(kernels[call.format], {
    buffers: [x, data, scales ?? none, bias ?? none, residual ?? none, output],
    params: { tokens, rows, quads: cols / 4, ...epilogueParams(call) },
    constants: { ...epilogueConstants(call), ROW_THREADS: tile / 4 },
    workgroups: [Math.ceil(rows / tile), Math.ceil(tokens / tile)],
  })
}
