// reference: silu-mul
import code from '../../shaders/batch-gate-up.wgsl'
import activation from '../../shaders/lib/activation.wgsl'
import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import {
  type NormedInput,
  normedBuffers,
  SKINNY_TOKENS,
  type SkinnyTile,
  type SkinnyWeight,
  skinnyConstants,
  skinnyKernels,
  skinnyTile,
} from './lib/skinny-code.ts'

/** The kernel for a weight's format. */
export const batchGateUpKernel = skinnyKernels({
  name: 'batch-gate-up',
  code: [activation, code],
  buffers: ['acts', 'squares', 'weight', 'scales', 'bias', 'out'],
  params: { tokens: 'u32', width: 'u32', has_bias: 'u32' },
  norm: true,
})

/** silu(gate) · up of several tokens, f16 [tokens, rows / 2]; the weight holds gates, then ups. Errors: shapes that do not fit; as SkinnyKernels. */
export function batchGateUp(
  step: Step,
  input: NormedInput,
  weight: SkinnyWeight,
  tile: SkinnyTile = skinnyTile(2, weight, step.abilities, 4),
): Tensor {
  const { rows, format, bias } = weight
  const { tokens, buffers } = normedBuffers(step, 'batchGateUp', input, weight)
  const width = rows / 2
  const out = step.scratch('f16', [tokens, width])
  step.dispatch(batchGateUpKernel(format, tile, step.abilities), {
    buffers: [...buffers, out],
    params: { tokens, width, has_bias: bias ? 1 : 0 },
    constants: skinnyConstants(weight, input),
    workgroups: [width / 16, Math.ceil(tokens / SKINNY_TOKENS)],
  })
  return out
}
