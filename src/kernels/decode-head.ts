// reference: matmul
import code from '../../shaders/decode-head.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { matrixShape, type Tensor } from '../gpu/tensor.ts'
import type { DecodeWeight } from './decode-residual.ts'
import { type Acts, type DecodeVariant, normConstants, type Team, teamConstants, teamFor, teamKernels } from './lib/decode-code.ts'
import { foldWorkgroups } from './lib/fold-workgroups.ts'

const kernelFor = teamKernels(true, ({ suffix, code: pieces, features }) =>
  defineKernel({
    name: `decode-head${suffix}`,
    code: [...pieces, code],
    buffers: ['acts', 'squares', 'weight', 'scales', 'bias', 'out'],
    params: { tokens: 'u32', rows: 'u32', has_bias: 'u32' },
    features,
  }),
)

/** Logits of a decode step's tokens, f32 [tokens, rows]. Errors: the input has no sums of squares. */
export function decodeHead(
  step: Step,
  input: Acts,
  weight: DecodeWeight,
  epsilon: number,
  variant: DecodeVariant,
  team: Team = teamFor(weight, matrixShape('input of decodeHead', input.values)[0], variant),
): Tensor {
  const { rows, format, data, scales, bias } = weight
  const [tokens] = matrixShape('input of decodeHead', input.values)
  if (!input.squares) throw new Error('decodeHead needs the squares of its input')
  const { constants, shared, tokenGroups } = teamConstants(team, weight, tokens, variant)
  const out = step.scratch('f32', [tokens, rows])
  const { none } = step
  step.dispatch(kernelFor(format, variant, shared), {
    buffers: [input.values, input.squares, data, scales ?? none, bias ?? none, out],
    params: { tokens, rows, has_bias: bias ? 1 : 0 },
    constants: { ...constants, ...normConstants(input.squares, epsilon) },
    workgroups: [...foldWorkgroups(Math.ceil(rows / (4 * team.TEAMS))), tokenGroups],
  })
  return out
}
