import type { Step } from '../gpu/step.ts'
import { reshape, type Tensor } from '../gpu/tensor.ts'
import { attentionCombine } from '../kernels/attention-combine.ts'
import { kvWrite } from '../kernels/kv-write.ts'
import { pagedAttention } from '../kernels/paged-attention.ts'
import { pagedAttentionDecode } from '../kernels/paged-attention-decode.ts'
import { pagedFlash, takesPagedFlash } from '../kernels/paged-flash.ts'
import { type RopeSections, rope } from '../kernels/rope.ts'
import { splitAttention, takesSplitAttention } from '../kernels/split-attention.ts'
import type { Batch, KvLayer } from './batch.ts'
import { storedFor } from './linear.ts'
import type { LinearWeight } from './weights.ts'

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
 * qkv: f32 [tokens, (heads + 2 kvHeads) · headDim], q | k | v. Gives [tokens, heads · headDim], stored as a product with `next` likes it.
 * headDim: a multiple of 4, at most 128.
 */
export function selfAttention(
  step: Step,
  qkv: Tensor,
  kv: KvLayer,
  batch: Batch,
  options: SelfAttentionOptions & { readonly next?: LinearWeight },
): Tensor {
  const { heads, kvHeads, headDim } = options
  const roped = rope(step, qkv, batch.positions, { ...options, heads: heads + kvHeads })
  kvWrite(step, roped, qkv, kv, batch, heads)
  if (batch.tokens !== batch.sequences) {
    if (!takesPagedFlash(step, kv)) return pagedAttention(step, roped, kv, batch.blockTable, batch.tiles, heads)
    return pagedFlash(step, roped, kv, batch.blockTable, batch.tiles, heads, { stored: storedFor(step, options.next, batch.tokens) })
  }
  const attend = takesSplitAttention(step, headDim) ? splitAttention : pagedAttentionDecode
  const splits = attend(step, roped, kv, batch, heads, batch.kvSplits)
  // A single split is the whole answer.
  return batch.kvSplits === 1 ? reshape(splits.partials, [batch.tokens, heads * headDim]) : attentionCombine(step, splits)
}
