// reference: matmul
import activate from '../../shaders/lib/activate.wgsl'
import activation from '../../shaders/lib/activation.wgsl'
import epilogue from '../../shaders/lib/epilogue.wgsl'
import code from '../../shaders/matmul-direct.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { epilogueConstants, epilogueParams, type LinearCall } from './lib/linear-call.ts'
import { perFormat } from './lib/weight-code.ts'

const kernels = perFormat((format, weight) =>
  defineKernel({
    name: `matmul-direct-${format}`,
    code: [weight, activation, activate, epilogue, code],
    buffers: ['x', 'weight', 'scales', 'bias', 'residual', 'output'],
    params: { tokens: 'u32', rows: 'u32', quads: 'u32', has_bias: 'u32', has_residual: 'u32' },
  }),
)

/** Rows of a workgroup: THREADS · ROWS of the shader. */
const GROUP_ROWS = 32

/** Tokens that a thread can take. */
const TILES = [1, 4, 8, 16] as const

/** Reading and decoding eight rows of f16 takes SwiftShader as long as reading and multiplying this many tokens. */
const WEIGHTS_COST = 8

/** Linear layer for any number of tokens on GPUs that are CPUs. 4 divides cols. */
export function matmulDirect(step: Step, call: LinearCall): void {
  const { x, tokens, rows, cols, data, scales, bias, residual, output } = call
  const tile = tileFor(tokens)
  const { none } = step
  step.dispatch(kernels[call.format], {
    buffers: [x, data, scales ?? none, bias ?? none, residual ?? none, output],
    params: { tokens, rows, quads: cols / 4, ...epilogueParams(call) },
    constants: { ...epilogueConstants(call), TOKENS: tile },
    workgroups: [Math.ceil(rows / GROUP_ROWS), Math.ceil(tokens / tile)],
  })
}

function tileFor(tokens: number): number {
  const cost = (tile: number): number => Math.ceil(tokens / tile) * (WEIGHTS_COST + tile)
  return TILES.reduce((best, tile) => (cost(tile) < cost(best) ? tile : best))
}
