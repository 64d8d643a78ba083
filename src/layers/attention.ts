import type { Step } from '../gpu/step.ts'
import { reshape, type Tensor } from '../gpu/tensor.ts'
import { attentionCombine } from '../kernels/attention-combine.ts'
import { kvWrite } from '../kernels/kv-write.ts'
import { pagedAttention } from '../kernels/paged-attention.ts'
import { pagedAttentionDecode } from '../kernels/paged-attention-decode.ts'
import { type RopeSections, rope } from '../kernels/rope.ts'
import type { Batch, KvLayer } from './batch.ts'

/** Heads of a decoder's attention and its rotary tables, f32 [positions, headDim / 2]. */
export interface SelfAttentionOptions {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly sections: RopeSections
  readonly cos: Tensor
  readonly sin: Tensor
}

/**
 * Causal attention with grouped heads: rotates q and k, writes k and v to the cache, and attends to all that is there.
 * qkv: f32 [tokens, (heads + 2 kvHeads) · headDim], q | k | v. Gives f32 [tokens, heads · headDim].
 * headDim: a multiple of 4, at most 128.
 */
export function selfAttention(step: Step, qkv: Tensor, kv: KvLayer, batch: Batch, options: SelfAttentionOptions): Tensor {
  const { heads, kvHeads, headDim } = options
  const roped = rope(step, qkv, batch.positions, { ...options, heads: heads + kvHeads })
  kvWrite(step, roped, qkv, kv, batch, heads)
  if (batch.tokens !== batch.sequences) return pagedAttention(step, roped, kv, batch.blockTable, batch.tiles, heads)
  const splits = pagedAttentionDecode(step, roped, kv, batch, heads, batch.kvSplits)
  // A single split is the whole answer.
  return batch.kvSplits === 1 ? reshape(splits.partials, [batch.tokens, heads * headDim]) : attentionCombine(step, splits)
}
