// reference: matmul
import code from '../../shaders/batch-head.wgsl'
import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { foldWorkgroups } from './lib/fold-workgroups.ts'
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
export const batchHeadKernel = skinnyKernels({
  name: 'batch-head',
  code: [code],
  buffers: ['acts', 'squares', 'weight', 'scales', 'bias', 'out'],
  params: { tokens: 'u32', rows: 'u32', has_bias: 'u32' },
  norm: true,
})

/** Logits of several tokens, f32 [tokens, rows]. Errors: shapes that do not fit; as SkinnyKernels. */
export function batchHead(
  step: Step,
  input: NormedInput,
  weight: SkinnyWeight,
  tile: SkinnyTile = skinnyTile(2, weight, step.abilities, 4),
): Tensor {
  const { rows, format, bias } = weight
  const { tokens, buffers } = normedBuffers(step, 'batchHead', input, weight)
  const out = step.scratch('f32', [tokens, rows])
  step.dispatch(batchHeadKernel(format, tile, step.abilities), {
    buffers: [...buffers, out],
    params: { tokens, rows, has_bias: bias ? 1 : 0 },
    constants: skinnyConstants(weight, input),
    workgroups: [...foldWorkgroups(Math.ceil(rows / (16 * tile.tiles))), Math.ceil(tokens / SKINNY_TOKENS)],
  })
  return out
}
