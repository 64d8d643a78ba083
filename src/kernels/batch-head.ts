// reference: matmul
import code from '../../shaders/batch-head.wgsl'
import type { Abilities } from '../gpu/abilities.ts'
import type { Kernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import type { NormedInput } from './batch-gate-up.ts'
import { foldWorkgroups } from './lib/fold-workgroups.ts'
import { SKINNY_TOKENS, type SkinnyTile, type SkinnyWeight, skinnyConstants, skinnyKernel, skinnyTile } from './lib/skinny-code.ts'

/** The kernel for a weight's format. */
export const batchHeadKernel = (format: SkinnyWeight['format'], tile: SkinnyTile, abilities: Pick<Abilities, 'lockstep'>): Kernel =>
  skinnyKernel(
    {
      name: 'batch-head',
      code: [code],
      buffers: ['acts', 'squares', 'weight', 'scales', 'bias', 'out'],
      params: { tokens: 'u32', rows: 'u32', has_bias: 'u32' },
      norm: true,
    },
    format,
    tile,
    abilities,
  )

/** Logits of several tokens, f32 [tokens, rows]. Errors: shapes that do not fit; as skinnyKernel. */
export function batchHead(
  step: Step,
  { values, ...norm }: NormedInput,
  weight: SkinnyWeight,
  tile: SkinnyTile = skinnyTile(2, weight, step.abilities, 4),
): Tensor {
  const { rows, cols, format, data, scales, bias } = weight
  const [tokens] = matrixShape('input of batchHead', values)
  expectShape('input of batchHead', values, [tokens, cols])
  const out = step.scratch('f32', [tokens, rows])
  const { none } = step
  step.dispatch(batchHeadKernel(format, tile, step.abilities), {
    buffers: [values, norm.squares, data, scales ?? none, bias ?? none, out],
    params: { tokens, rows, has_bias: bias ? 1 : 0 },
    constants: skinnyConstants(weight, norm),
    workgroups: [...foldWorkgroups(Math.ceil(rows / (16 * tile.tiles))), Math.ceil(tokens / SKINNY_TOKENS)],
  })
  return out
}
