// reference: paged-attention
import code from '../../shaders/paged-flash.wgsl'
import type { Kernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import { flashMatrixKernel, flashMatrixScale, takesFlashMatrix } from './lib/flash-matrix-code.ts'
import type { Stored } from './lib/quad-code.ts'

/** Subgroups of 16 tokens that a tile may need. */
const TILE_SUBGROUPS = 4
/** Keys staged at once. */
const KEYS = 32

/** Query heads of one kv head that share a workgroup. */
const headsTogether = (headsPerKv: number): number => (headsPerKv % 2 === 0 ? 2 : 1)

/** The kernel for so many heads of this size together, by how the result is stored. */
export const pagedFlashKernel = (headDim: number, heads: number, stored: Stored, keys = KEYS): Kernel =>
  flashMatrixKernel(
    {
      name: 'paged-flash',
      code: [code],
      buffers: ['roped', 'k_pages', 'v_pages', 'block_table', 'tiles', 'out'],
      params: { max_blocks: 'u32' },
    },
    { headDim, keys, subgroups: TILE_SUBGROUPS * heads },
    stored,
  )

/** Can this GPU take pagedFlash for these pages? */
export function takesPagedFlash({ software, abilities }: Pick<Step, 'software' | 'abilities'>, { k }: { readonly k: Tensor }): boolean {
  return (
    !software && k.dtype === 'f16' && takesFlashMatrix(abilities, { headDim: k.shape[3] ?? 0, keys: KEYS, subgroups: 2 * TILE_SUBGROUPS })
  )
}

/**
 * Causal attention of many tokens over their sequences' pages, on GPUs with subgroup matrices; queries and weights as f16. As
 * pagedAttention, with pages in f16, and stored as f32 unless said otherwise. Errors: headDim is no multiple of 8 up to 128.
 */
export function pagedFlash(
  step: Step,
  roped: Tensor,
  kv: { readonly k: Tensor; readonly v: Tensor },
  blockTable: Tensor,
  tiles: Tensor,
  heads: number,
  { keys = KEYS, stored = 'f32' }: { readonly keys?: number; readonly stored?: Stored } = {},
): Tensor {
  const [tokens] = matrixShape('pagedFlash roped', roped)
  const [, kvHeads = 0, , headDim = 0] = kv.k.shape
  expectShape('pagedFlash v', kv.v, kv.k.shape)
  expectShape('pagedFlash roped', roped, [tokens, (heads + kvHeads) * headDim])
  if (kv.k.dtype !== 'f16') throw new Error(`pagedFlash takes pages in f16, not ${kv.k.dtype}`)
  const [tileCount] = matrixShape('pagedFlash tiles', tiles)
  const [, maxBlocks] = matrixShape('pagedFlash blockTable', blockTable)
  const together = headsTogether(heads / kvHeads)
  const kernel = pagedFlashKernel(headDim, together, stored, keys)
  const out = step.scratch(stored, [tokens, heads * headDim])
  step.dispatch(kernel, {
    buffers: [roped, kv.k, kv.v, blockTable, tiles, out],
    params: { max_blocks: maxBlocks },
    constants: { HEADS: heads, KV_HEADS: kvHeads, HEADS_TOGETHER: together, SCALE: flashMatrixScale(headDim) },
    workgroups: [heads / together, tileCount],
  })
  return out
}
