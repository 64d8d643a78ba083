// reference: matmul
import code from '../../shaders/batch-residual.wgsl'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import type { Acts } from './lib/decode-code.ts'
import { SKINNY_TOKENS, type SkinnyTile, type SkinnyWeight, skinnyConstants, skinnyKernels, skinnyTile } from './lib/skinny-code.ts'

/** The kernel for a weight's format. */
export const batchResidualKernel = skinnyKernels({
  name: 'batch-residual',
  code: [code],
  buffers: ['acts', 'weight', 'scales', 'bias', 'next_norm', 'x', 'next_acts', 'squares'],
  params: { tokens: 'u32', rows: 'u32', has_bias: 'u32' },
  norm: false,
})

/**
 * Adds a product to the residual stream x, f32 [tokens, rows], in place, and gives the next product's input, whose norm's weights are
 * nextNorm, f32 [rows]. input: f16 [tokens, cols]. Errors: shapes that do not fit; as SkinnyKernels.
 */
export function batchResidual(
  step: Step,
  x: Tensor,
  input: Tensor,
  weight: SkinnyWeight,
  nextNorm: Tensor,
  tile: SkinnyTile = skinnyTile(1, weight, step.abilities),
): Acts {
  const { rows, cols, format, data, scales, bias } = weight
  const [tokens] = matrixShape('x of batchResidual', x)
  expectShape('input of batchResidual', input, [tokens, cols])
  expectShape('next norm of batchResidual', nextNorm, [rows])
  const groups = rows / (16 * tile.tiles)
  const values = step.scratch('f16', [tokens, rows])
  const squares = step.scratch('f32', [tokens, groups])
  const { none } = step
  step.dispatch(batchResidualKernel(format, tile, step.abilities), {
    buffers: [input, data, scales ?? none, bias ?? none, nextNorm, x, values, squares],
    params: { tokens, rows, has_bias: bias ? 1 : 0 },
    constants: skinnyConstants(weight),
    workgroups: [groups, Math.ceil(tokens / SKINNY_TOKENS)],
  })
  return { values, squares }
}
