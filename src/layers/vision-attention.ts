import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { ropeByRow } from '../kernels/rope.ts'
import { visionAttention as attend } from '../kernels/vision-attention.ts'

/** Heads of an encoder's attention, rows per segment, and each row's own rotary angles: f32 [rows, headDim / 2]. */
export interface VisionAttentionOptions {
  readonly heads: number
  readonly headDim: number
  readonly segment: number
  readonly cos: Tensor
  readonly sin: Tensor
}

/**
 * Attention of a vision tower: rotates q and k, then attends in both directions within each segment of `segment` rows.
 * qkv: f32 [rows, 3 · heads · headDim], q | k | v; rows are whole segments. Gives f32 [rows, heads · headDim].
 */
export function visionAttention(step: Step, qkv: Tensor, options: VisionAttentionOptions): Tensor {
  const roped = ropeByRow(step, qkv, { ...options, heads: 2 * options.heads })
  return attend(step, roped, qkv, options)
}
