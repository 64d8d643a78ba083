// reference: matmul
import code from '../../shaders/decode-gate-up.wgsl'
import activation from '../../shaders/lib/activation.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { matrixShape } from '../gpu/tensor.ts'
import type { DecodeWeight } from './decode-residual.ts'
import { type Acts, type DecodeVariant, normConstants, type Team, teamConstants, teamFor, teamKernels, unitsOf } from './lib/decode-code.ts'

const kernelFor = teamKernels(true, ({ suffix, code: pieces, features }) =>
  defineKernel({
    name: `decode-gate-up${suffix}`,
    code: [...pieces, activation, code],
    buffers: ['acts', 'squares', 'weight', 'scales', 'bias', 'out'],
    params: { tokens: 'u32', pairs: 'u32', has_bias: 'u32', units: 'u32' },
    features,
  }),
)

/**
 * silu(gate) · up of a decode step's tokens; the weight holds gates, then as many ups. next: format of the weight that is multiplied with
 * the result. Errors: the input has no sums of squares.
 */
export function decodeGateUp(
  step: Step,
  input: Acts,
  weight: DecodeWeight,
  options: { readonly epsilon: number; readonly next: DecodeWeight['format'] },
  variant: DecodeVariant,
  team: Team = teamFor(weight, matrixShape('input of decodeGateUp', input.values)[0], variant),
): Acts {
  const { format, data, scales, bias } = weight
  const rows = weight.rows / 2
  const [tokens] = matrixShape('input of decodeGateUp', input.values)
  if (!input.squares) throw new Error('decodeGateUp needs the squares of its input')
  const { constants, shared, tokenGroups } = teamConstants(team, weight, tokens, variant)
  const values = step.scratch(variant.act, [tokens, rows])
  const { none } = step
  step.dispatch(kernelFor(format, variant, shared), {
    buffers: [input.values, input.squares, data, scales ?? none, bias ?? none, values],
    params: { tokens, pairs: rows / 2, has_bias: bias ? 1 : 0, units: unitsOf(options.next, variant.act) },
    constants: { ...constants, ...normConstants(input.squares, options.epsilon) },
    workgroups: [Math.ceil(rows / 2 / team.TEAMS), tokenGroups],
  })
  return { values, squares: undefined }
}
