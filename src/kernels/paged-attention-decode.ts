import kvF16 from '../../shaders/lib/kv-f16.wgsl'
import kvF32 from '../../shaders/lib/kv-f32.wgsl'
import kvPage from '../../shaders/lib/kv-page.wgsl'
import code from '../../shaders/paged-attention-decode.wgsl'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import { expectHeadDim } from '../util/flash-tile.ts'
import type { KvPlaces } from './kv-write.ts'

const kernelFor = (name: string, storage: string): Kernel =>
  defineKernel({
    name,
    code: [storage, kvPage, code],
    buffers: ['roped', 'k_pages', 'v_pages', 'token_sequence', 'token_slot', 'block_table', 'partials', 'stats'],
    params: { max_blocks: 'u32', splits: 'u32' },
  })

const kernels = { f16: kernelFor('paged-attention-decode-f16', kvF16), f32: kernelFor('paged-attention-decode-f32', kvF32) }

/** Most query heads that one workgroup takes. */
const MAX_GROUP = 8

/** What the splits found. */
export interface SplitAttention {
  /** f32 [tokens, heads, splits, headDim]: attention over the split's own slots; undefined where it has none. */
  readonly partials: Tensor
  /** f32 [tokens, heads, splits, 2]: the largest score and the sum of exp(score − largest); 0 where there are no slots. */
  readonly stats: Tensor
}

/**
 * Attention of tokens that each are the only one of their sequence, keys divided evenly among `splits` workgroups in runs of 32
 * slots. roped: f32 [tokens, (heads + kvHeads) · headDim], q first, or q alone; k, v: f16 or f32 [blocks, kvHeads, 16, headDim].
 */
export function pagedAttentionDecode(
  step: Step,
  roped: Tensor,
  kv: { readonly k: Tensor; readonly v: Tensor },
  places: KvPlaces,
  heads: number,
  splits: number,
): SplitAttention {
  const [tokens, width] = matrixShape('pagedAttentionDecode roped', roped)
  const [, kvHeads = 0, , headDim = 0] = kv.k.shape
  expectHeadDim(headDim)
  expectShape('pagedAttentionDecode v', kv.v, kv.k.shape)
  // Of a fused step q stands by itself.
  const rowHeads = width === heads * headDim ? heads : heads + kvHeads
  expectShape('pagedAttentionDecode roped', roped, [tokens, rowHeads * headDim])
  const [, maxBlocks] = matrixShape('pagedAttentionDecode blockTable', places.blockTable)
  const group = groupSize(heads / kvHeads)
  const partials = step.scratch('f32', [tokens, heads, splits, headDim])
  const stats = step.scratch('f32', [tokens, heads, splits, 2])
  step.dispatch(kernels[kv.k.dtype === 'f16' ? 'f16' : 'f32'], {
    buffers: [roped, kv.k, kv.v, places.tokenSequence, places.tokenSlot, places.blockTable, partials, stats],
    params: { max_blocks: maxBlocks, splits },
    constants: {
      HEADS: heads,
      ROW_HEADS: rowHeads,
      KV_HEADS: kvHeads,
      HEAD_DIM: headDim,
      GROUP: group,
      SCALE: headDim ** -0.5,
      THREADS: threadsFor(step, headDim),
    },
    workgroups: [heads / group, splits, tokens],
  })
  return { partials, stats }
}

/** On SwiftShader 60 slots of 5 heads of 64 take 0.9 ms with 128 threads and 0.45 ms with 16; 5 slots 0.5 and 0.08 ms. */
function threadsFor(step: Step, headDim: number): number {
  if (!step.software) return 128
  return headDim <= 64 ? 16 : 32
}

/** The largest divisor of the query heads per kv head that fits a workgroup. */
function groupSize(headsPerKv: number): number {
  let group = Math.min(headsPerKv, MAX_GROUP)
  while (headsPerKv % group !== 0) group--
  return group
}
