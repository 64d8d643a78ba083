import code from '../../shaders/kv-write.wgsl'
import kvF16 from '../../shaders/lib/kv-f16.wgsl'
import kvF32 from '../../shaders/lib/kv-f32.wgsl'
import kvPage from '../../shaders/lib/kv-page.wgsl'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'

const kernelFor = (name: string, storage: string): Kernel =>
  defineKernel({
    name,
    code: [storage, kvPage, code],
    buffers: ['roped', 'qkv', 'token_sequence', 'token_slot', 'block_table', 'k_pages', 'v_pages'],
    params: { tokens: 'u32', max_blocks: 'u32' },
  })

const kernels = { f16: kernelFor('kv-write-f16', kvF16), f32: kernelFor('kv-write-f32', kvF32) }

/** Where a step's tokens live in the cache. */
export interface KvPlaces {
  /** u32 [tokens]: row of blockTable. */
  readonly tokenSequence: Tensor
  /** u32 [tokens]: place in the sequence. */
  readonly tokenSlot: Tensor
  /** u32 [sequences, max blocks]: pages of 16 slots. */
  readonly blockTable: Tensor
}

/**
 * Writes new keys and values to their pages. roped: f32 [tokens, (heads + kvHeads) · headDim], q | k; qkv: f32 [tokens,
 * (heads + 2 kvHeads) · headDim]; k, v: f16 or f32 [blocks, kvHeads, 16, headDim]. A float16 page clamps to ±65504.
 */
export function kvWrite(
  step: Step,
  roped: Tensor,
  qkv: Tensor,
  kv: { readonly k: Tensor; readonly v: Tensor },
  places: KvPlaces,
  heads: number,
): void {
  const [tokens] = matrixShape('kvWrite qkv', qkv)
  const [blocks = 0, kvHeads = 0, slots = 0, headDim = 0] = kv.k.shape
  expectShape('kvWrite v', kv.v, [blocks, kvHeads, slots, headDim])
  expectShape('kvWrite roped', roped, [tokens, (heads + kvHeads) * headDim])
  expectShape('kvWrite qkv', qkv, [tokens, (heads + 2 * kvHeads) * headDim])
  const [, maxBlocks] = matrixShape('kvWrite blockTable', places.blockTable)
  step.dispatch(kernels[kv.k.dtype === 'f16' ? 'f16' : 'f32'], {
    buffers: [roped, qkv, places.tokenSequence, places.tokenSlot, places.blockTable, kv.k, kv.v],
    params: { tokens, max_blocks: maxBlocks },
    constants: { HEADS: heads, KV_HEADS: kvHeads, HEAD_DIM: headDim },
    workgroups: [Math.ceil((kvHeads * headDim) / 4 / 32), Math.ceil(tokens / 4)],
  })
}
