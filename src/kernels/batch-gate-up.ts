// reference: silu-mul
import code from '../../shaders/batch-gate-up.wgsl'
import activation from '../../shaders/lib/activation.wgsl'
import type { Abilities } from '../gpu/abilities.ts'
import type { Kernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import { SKINNY_TOKENS, type SkinnyTile, type SkinnyWeight, skinnyConstants, skinnyKernel, skinnyTile } from './lib/skinny-code.ts'

/** The kernel for a weight's format. */
export const batchGateUpKernel = (format: SkinnyWeight['format'], tile: SkinnyTile, abilities: Pick<Abilities, 'lockstep'>): Kernel =>
  skinnyKernel(
    {
      name: 'batch-gate-up',
      code: [activation, code],
      buffers: ['acts', 'squares', 'weight', 'scales', 'bias', 'out'],
      params: { tokens: 'u32', width: 'u32', has_bias: 'u32' },
      norm: true,
    },
    format,
    tile,
    abilities,
  )

/** What a product with a norm before it takes: f16 [tokens, cols], x times the norm's weights, and sums of x², f32 [tokens, parts]. */
export interface NormedInput {
  readonly values: Tensor
  readonly squares: Tensor
  readonly epsilon: number
}

/** silu(gate) · up of several tokens, f16 [tokens, rows / 2]; the weight holds gates, then ups. Errors: shapes that do not fit; as skinnyKernel. */
export function batchGateUp(
  step: Step,
  { values, ...norm }: NormedInput,
  weight: SkinnyWeight,
  tile: SkinnyTile = skinnyTile(2, weight, step.abilities, 4),
): Tensor {
  const { rows, cols, format, data, scales, bias } = weight
  const [tokens] = matrixShape('input of batchGateUp', values)
  expectShape('input of batchGateUp', values, [tokens, cols])
  const width = rows / 2
  const out = step.scratch('f16', [tokens, width])
  const { none } = step
  step.dispatch(batchGateUpKernel(format, tile, step.abilities), {
    buffers: [values, norm.squares, data, scales ?? none, bias ?? none, out],
    params: { tokens, width, has_bias: bias ? 1 : 0 },
    constants: skinnyConstants(weight, norm),
    workgroups: [width / 16, Math.ceil(tokens / SKINNY_TOKENS)],
  })
  return out
}
