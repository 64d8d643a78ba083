// reference: matmul
import code from '../../shaders/decode-residual.wgsl'
import residual from '../../shaders/lib/residual.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { matrixShape, type Tensor } from '../gpu/tensor.ts'
import { type Acts, type DecodeVariant, type Team, teamConstants, teamFor, teamKernels, unitsOf } from './lib/decode-code.ts'
import type { LinearCall } from './lib/linear-call.ts'

/** A weight as decode kernels see it. */
export type DecodeWeight = Pick<LinearCall, 'format' | 'rows' | 'cols' | 'data' | 'scales' | 'bias'>

const kernelFor = teamKernels(false, ({ suffix, code: pieces, features }) =>
  defineKernel({
    name: `decode-residual${suffix}`,
    code: [...pieces, residual, code],
    buffers: ['acts', 'weight', 'scales', 'bias', 'next_norm', 'x', 'next_acts', 'squares'],
    params: { tokens: 'u32', quads: 'u32', has_bias: 'u32', units: 'u32' },
    features,
  }),
)

/** What follows in the residual stream. */
export interface NextProduct {
  /** f32 [rows], of the norm before it. */
  readonly norm: Tensor
  readonly format: LinearCall['format']
}

/** Adds a product to the residual stream x, f32 [tokens, rows], in place, and gives the next product's input. */
export function decodeResidual(
  step: Step,
  x: Tensor,
  input: Acts,
  weight: DecodeWeight,
  next: NextProduct,
  variant: DecodeVariant,
  team: Team = teamFor(weight, matrixShape('x of decodeResidual', x)[0], variant),
): Acts {
  const { rows, format, data, scales, bias } = weight
  const [tokens] = matrixShape('x of decodeResidual', x)
  const { constants, shared, tokenGroups } = teamConstants(team, weight, tokens, variant)
  const groups = Math.ceil(rows / (4 * team.TEAMS))
  const values = step.scratch(variant.act, [tokens, rows])
  const squares = step.scratch('f32', [tokens, groups])
  const { none } = step
  step.dispatch(kernelFor(format, variant, shared), {
    buffers: [input.values, data, scales ?? none, bias ?? none, next.norm, x, values, squares],
    params: { tokens, quads: rows / 4, has_bias: bias ? 1 : 0, units: unitsOf(next.format, variant.act) },
    constants,
    workgroups: [groups, tokenGroups],
  })
  return { values, squares }
}
