// reference: attention-combine
import code from '../../shaders/decode-attended.wgsl'
import residual from '../../shaders/lib/residual.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, type Tensor } from '../gpu/tensor.ts'
import type { DecodeWeight, NextProduct } from './decode-residual.ts'
import {
  type Acts,
  type DecodeVariant,
  type Team,
  type TeamKernels,
  teamConstants,
  teamKernels,
  UNIT_COLUMNS,
  unitsOf,
} from './lib/decode-code.ts'
import type { SplitAttention } from './paged-attention-decode.ts'

const families = new Map<number, TeamKernels>()

/** The kernels for so many splits. */
export function attendedKernels(splits: number): TeamKernels {
  const family =
    families.get(splits) ??
    teamKernels(false, ({ suffix, code: pieces, features }) =>
      defineKernel({
        name: `decode-attended${suffix}-of-${splits}`,
        code: [...pieces, `const SPLITS = ${splits}u;`, residual, code],
        buffers: ['partials', 'weight', 'scales', 'bias', 'next_norm', 'x', 'next_acts', 'squares', 'stats'],
        params: { tokens: 'u32', quads: 'u32', has_bias: 'u32', units: 'u32' },
        features,
      }),
    )
  families.set(splits, family)
  return family
}

/** Workgroups of many rows, each of which puts the splits together once. On an H200 12 heads in 8 splits take 9.7 µs; 32 × 4 threads 11.7. */
const TEAM: Team = { LANES: 64, TEAMS: 4 }

/** Workgroup memory for the attended row, beside what teams need. */
const MEMORY = 8192

/** Can one token's attention be put together by decodeAttended? */
export const takesDecodeAttended = (tokens: number, headDim: number, weight: DecodeWeight, { act }: DecodeVariant): boolean =>
  tokens === 1 && headDim % UNIT_COLUMNS[act] === 0 && weight.cols * (act === 'f16' ? 2 : 4) <= MEMORY

/**
 * Merges the splits of one token's attention, and adds its product to the residual stream x, f32 [1, rows], in place. Gives the next
 * product's input. Errors: more than one token.
 */
export function decodeAttended(
  step: Step,
  x: Tensor,
  { partials, stats }: SplitAttention,
  weight: DecodeWeight,
  next: NextProduct,
  variant: DecodeVariant,
  team: Team = TEAM,
): Acts {
  const { rows, cols, format, data, scales, bias } = weight
  const [tokens = 0, heads = 0, splits = 0, headDim = 0] = partials.shape
  if (!takesDecodeAttended(tokens, headDim, weight, variant))
    throw new Error(`decodeAttended has ${tokens} tokens, heads of ${headDim} dims`)
  if (heads * headDim !== cols) throw new Error(`decodeAttended has ${heads} heads of ${headDim} dims for ${cols} columns`)
  expectShape('x of decodeAttended', x, [tokens, rows])
  const groups = Math.ceil(rows / (4 * team.TEAMS))
  const values = step.scratch(variant.act, [tokens, rows])
  const squares = step.scratch('f32', [tokens, groups])
  const { none } = step
  step.dispatch(attendedKernels(splits)(format, variant, tokens), {
    buffers: [partials, data, scales ?? none, bias ?? none, next.norm, x, values, squares, stats],
    params: { tokens, quads: rows / 4, has_bias: bias ? 1 : 0, units: unitsOf(next.format, variant.act) },
    constants: {
      ...teamConstants(team, weight, tokens, variant).constants,
      HEAD_DIM: headDim,
      INPUT_UNITS: cols / UNIT_COLUMNS[variant.act],
    },
    workgroups: [groups],
  })
  return { values, squares }
}
