// reference: matmul
import code from '../../shaders/decode-qkv.wgsl'
import kvPage from '../../shaders/lib/kv-page.wgsl'
import kvPairF16 from '../../shaders/lib/kv-pair-f16.wgsl'
import kvPairF32 from '../../shaders/lib/kv-pair-f32.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import type { DecodeWeight } from './decode-residual.ts'
import { type Acts, type DecodeVariant, normConstants, type Team, teamConstants, teamFor, teamKernels } from './lib/decode-code.ts'

const kernelsFor = (pages: 'f16' | 'f32') =>
  teamKernels(true, ({ suffix, code: pieces, features }) =>
    defineKernel({
      name: `decode-qkv${suffix}-pages-${pages}`,
      code: [...pieces, kvPage, pages === 'f16' ? kvPairF16 : kvPairF32, code],
      buffers: ['acts', 'squares', 'weight', 'scales', 'bias', 'places', 'queries', 'k_pages', 'v_pages'],
      params: { tokens: 'u32', has_bias: 'u32' },
      features,
    }),
  )

const kernels = { f16: kernelsFor('f16'), f32: kernelsFor('f32') }

/** Where a decode step's queries, keys and values go, and how they turn. */
export interface QkvPlaces {
  readonly k: Tensor
  readonly v: Tensor
  /** Of decodePlaces. */
  readonly places: Tensor
  readonly heads: number
  readonly epsilon: number
}

/**
 * Queries of a decode step's tokens after rotation, f32 [tokens, heads · headDim]; keys and values go to their pages [blocks, kvHeads, 16,
 * headDim]. The weight holds q, k and v by rows. Errors: the input has no sums of squares; shapes that do not fit.
 */
export function decodeQkv(
  step: Step,
  input: Acts,
  weight: DecodeWeight,
  { k, v, places, heads, epsilon }: QkvPlaces,
  variant: DecodeVariant,
  team: Team = teamFor(weight, matrixShape('input of decodeQkv', input.values)[0], variant),
): Tensor {
  const { format, data, scales, bias } = weight
  const [, kvHeads = 0, , headDim = 0] = k.shape
  const [tokens] = matrixShape('input of decodeQkv', input.values)
  if (!input.squares) throw new Error('decodeQkv needs the squares of its input')
  expectShape('v of decodeQkv', v, k.shape)
  expectShape('places of decodeQkv', places, [tokens, 2 + headDim])
  if (weight.rows !== (heads + 2 * kvHeads) * headDim) throw new Error(`decodeQkv has ${weight.rows} rows for ${heads}+2·${kvHeads} heads`)
  const { constants, shared, tokenGroups } = teamConstants(team, weight, tokens, variant)
  const queries = step.scratch('f32', [tokens, heads * headDim])
  const { none } = step
  step.dispatch(kernels[k.dtype === 'f16' ? 'f16' : 'f32'](format, variant, shared), {
    buffers: [input.values, input.squares, data, scales ?? none, bias ?? none, places, queries, k, v],
    params: { tokens, has_bias: bias ? 1 : 0 },
    constants: { ...constants, ...normConstants(input.squares, epsilon), HEADS: heads, KV_HEADS: kvHeads, HEAD_DIM: headDim },
    workgroups: [Math.ceil(weight.rows / 4 / team.TEAMS), tokenGroups],
  })
  return queries
}
