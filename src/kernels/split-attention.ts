// reference: paged-attention-decode
import kvUnitF16 from '../../shaders/lib/kv-unit-f16.wgsl'
import kvUnitF32 from '../../shaders/lib/kv-unit-f32.wgsl'
import code from '../../shaders/split-attention.wgsl'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import type { KvPlaces } from './kv-write.ts'
import type { SplitAttention } from './paged-attention-decode.ts'

const storages = { f16: kvUnitF16, f32: kvUnitF32 } as const

/** What loops over a thread's registers, and so must be known to the code. */
export interface SplitSizes {
  readonly slots: number
  /** Units of eight dims. */
  readonly each: number
  /** Query heads. */
  readonly group: number
}

const defined = new Map<string, Kernel>()

/** The kernel for pages stored so. */
export function splitAttentionKernel(stored: keyof typeof storages, { slots, each, group }: SplitSizes): Kernel {
  const name = `split-attention-${stored}-${slots}-${each}-${group}`
  const kernel =
    defined.get(name) ??
    defineKernel({
      name,
      code: ['enable subgroups;', storages[stored], `const SLOTS = ${slots}u;\nconst EACH = ${each}u;\nconst GROUP = ${group}u;`, code],
      buffers: ['queries', 'k_pages', 'v_pages', 'token_sequence', 'token_slot', 'block_table', 'partials', 'stats'],
      params: { max_blocks: 'u32', splits: 'u32' },
      features: ['subgroups'],
    })
  defined.set(name, kernel)
  return kernel
}

/** How a workgroup is made up. */
export interface SplitLayout {
  readonly threads: number
  /** Threads that share a slot. */
  readonly lanes: number
  /** Query heads of a workgroup. */
  readonly group: number
}

/** Undefined: heads of this size, or subgroups of that, do not divide that way. */
function layoutFor(headDim: number, subgroup: number): SplitLayout | undefined {
  const lanes = [8, 4].find((lanes) => headDim % (8 * lanes) === 0 && headDim <= 32 * lanes && lanes <= subgroup)
  // Eight subgroups at most, whose sums have to fit a workgroup's memory.
  return lanes === undefined ? undefined : { threads: Math.min(256, 8 * subgroup), lanes, group: 1 }
}

/** Can this GPU take splitAttention for heads of this size? */
export const takesSplitAttention = ({ software, abilities }: Pick<Step, 'software' | 'abilities'>, headDim: number): boolean =>
  !software && layoutFor(headDim, abilities.subgroup) !== undefined

/**
 * Attention of tokens that each are the only one of their sequence, as pagedAttentionDecode, on GPUs with subgroups. queries: f32 [tokens,
 * heads · headDim], or with the kvHeads' keys behind; k, v: f16 or f32 [blocks, kvHeads, 16, headDim]. Errors: heads of a size that takesSplitAttention refuses.
 */
export function splitAttention(
  step: Step,
  queries: Tensor,
  kv: { readonly k: Tensor; readonly v: Tensor },
  places: KvPlaces,
  heads: number,
  splits: number,
  given?: SplitLayout,
): SplitAttention {
  const [tokens, width] = matrixShape('splitAttention queries', queries)
  const [, kvHeads = 0, , headDim = 0] = kv.k.shape
  const { subgroup } = step.abilities
  const layout = given ?? layoutFor(headDim, subgroup)
  if (!layout) throw new Error(`splitAttention has heads of ${headDim} dims and subgroups of ${subgroup}`)
  expectShape('splitAttention v', kv.v, kv.k.shape)
  // Of a fused step q stands by itself.
  const rowHeads = width === heads * headDim ? heads : heads + kvHeads
  expectShape('splitAttention queries', queries, [tokens, rowHeads * headDim])
  const [, maxBlocks] = matrixShape('splitAttention blockTable', places.blockTable)
  const { threads, lanes, group } = layout
  const partials = step.scratch('f32', [tokens, heads, splits, headDim])
  const stats = step.scratch('f32', [tokens, heads, splits, 2])
  const sizes = { slots: headDim > 16 * lanes ? 2 : 4, each: headDim / (8 * lanes), group }
  step.dispatch(splitAttentionKernel(kv.k.dtype === 'f16' ? 'f16' : 'f32', sizes), {
    buffers: [queries, kv.k, kv.v, places.tokenSequence, places.tokenSlot, places.blockTable, partials, stats],
    params: { max_blocks: maxBlocks, splits },
    constants: {
      ...{ THREADS: threads, SUBGROUP: subgroup, LANES: lanes },
      ...{ HEAD_DIM: headDim, HEADS: heads, ROW_HEADS: rowHeads, KV_HEADS: kvHeads, SCALE: headDim ** -0.5 },
    },
    workgroups: [heads / group, splits, tokens],
  })
  return { partials, stats }
}
