// reference: matmul
import code from '../../shaders/batch-qkv.wgsl'
import kvPage from '../../shaders/lib/kv-page.wgsl'
import type { Step } from '../gpu/step.ts'
import { expectShape, type Tensor } from '../gpu/tensor.ts'
import type { QkvPlaces } from './decode-qkv.ts'
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
export const batchQkvKernel = skinnyKernels({
  name: 'batch-qkv',
  code: [kvPage, code],
  buffers: ['acts', 'squares', 'weight', 'scales', 'bias', 'places', 'queries', 'k_pages', 'v_pages'],
  params: { tokens: 'u32', has_bias: 'u32' },
  norm: true,
})

/**
 * Queries of several tokens after rotation, f32 [tokens, heads · headDim]; keys and values go to their pages f16 [blocks, kvHeads, 16,
 * headDim], of which 32 divides headDim. The weight holds q, k and v by rows. Errors: shapes that do not fit; as SkinnyKernels.
 */
export function batchQkv(
  step: Step,
  input: NormedInput,
  weight: SkinnyWeight,
  { k, v, places, heads }: Omit<QkvPlaces, 'epsilon'>,
  tile: SkinnyTile = skinnyTile(2, weight, step.abilities),
): Tensor {
  const { rows, format, bias } = weight
  const [, kvHeads = 0, , headDim = 0] = k.shape
  const { tokens, buffers } = normedBuffers(step, 'batchQkv', input, weight)
  expectShape('v of batchQkv', v, k.shape)
  expectShape('places of batchQkv', places, [tokens, 2 + headDim])
  if (k.dtype !== 'f16' || headDim % 32 !== 0)
    throw new Error(`batchQkv takes pages in f16 of heads of 32 dims each, not ${k.dtype}, ${headDim}`)
  if (rows !== (heads + 2 * kvHeads) * headDim) throw new Error(`batchQkv has ${rows} rows for ${heads}+2·${kvHeads} heads`)
  const queries = step.scratch('f32', [tokens, heads * headDim])
  step.dispatch(batchQkvKernel(format, tile, step.abilities), {
    buffers: [...buffers, places, queries, k, v],
    params: { tokens, has_bias: bias ? 1 : 0 },
    constants: { ...skinnyConstants(weight, input), HEADS: heads, KV_HEADS: kvHeads, HEAD_DIM: headDim },
    workgroups: [rows / 32, Math.ceil(tokens / SKINNY_TOKENS)],
  })
  return queries
}
