import flash from '../../shaders/lib/flash-tile.wgsl'
import kvF16 from '../../shaders/lib/kv-f16.wgsl'
import kvF32 from '../../shaders/lib/kv-f32.wgsl'
import kvPage from '../../shaders/lib/kv-page.wgsl'
import code from '../../shaders/paged-attention.wgsl'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import { expectHeadDim, flashTile } from '../util/flash-tile.ts'

/** Query tokens of a workgroup, and how many workgroups a tile may need: the shader's constants of those names. */
const QUERY_TILE = 16
const PARTS = 4

const kernelFor = (name: string, storage: string): Kernel =>
  defineKernel({
    name,
    code: [storage, kvPage, flash, code],
    buffers: ['roped', 'k_pages', 'v_pages', 'block_table', 'tiles', 'out'],
    params: { max_blocks: 'u32' },
  })

const kernels = { f16: kernelFor('paged-attention-f16', kvF16), f32: kernelFor('paged-attention-f32', kvF32) }

/**
 * Causal attention of many tokens over their sequences' pages. roped: f32 [tokens, (heads + kvHeads) · headDim], q first;
 * k, v: f16 or f32 [blocks, kvHeads, 16, headDim]; blockTable: u32 [sequences, max blocks]; tiles: u32 [tiles, 4] = first token,
 * tokens (up to 64; 0: unused), row of blockTable, slot of the first token. Gives f32 [tokens, heads · headDim]; tokens that no tile
 * names stay undefined.
 */
export function pagedAttention(
  step: Step,
  roped: Tensor,
  kv: { readonly k: Tensor; readonly v: Tensor },
  blockTable: Tensor,
  tiles: Tensor,
  heads: number,
): Tensor {
  const [tokens] = matrixShape('pagedAttention roped', roped)
  const [, kvHeads = 0, , headDim = 0] = kv.k.shape
  expectHeadDim(headDim)
  expectShape('pagedAttention v', kv.v, kv.k.shape)
  expectShape('pagedAttention roped', roped, [tokens, (heads + kvHeads) * headDim])
  const [tileCount] = matrixShape('pagedAttention tiles', tiles)
  const [, maxBlocks] = matrixShape('pagedAttention blockTable', blockTable)
  const together = (heads / kvHeads) % 2 === 0 ? 2 : 1
  const out = step.scratch('f32', [tokens, heads * headDim])
  step.dispatch(kernels[kv.k.dtype === 'f16' ? 'f16' : 'f32'], {
    buffers: [roped, kv.k, kv.v, blockTable, tiles, out],
    params: { max_blocks: maxBlocks },
    constants: {
      HEADS: heads,
      KV_HEADS: kvHeads,
      HEAD_DIM: headDim,
      HEADS_TOGETHER: together,
      SCALE: headDim ** -0.5,
      ...flashTile(headDim, QUERY_TILE * together),
    },
    workgroups: [heads / together, tileCount * PARTS],
  })
  return out
}
