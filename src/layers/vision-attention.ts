import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { ropeByRow } from '../kernels/rope.ts'
import { visionAttention as attend } from '../kernels/vision-attention.ts'
import { takesVisionFlash, visionFlash } from '../kernels/vision-flash.ts'
import { storedFor } from './linear.ts'
import type { LinearWeight } from './weights.ts'

/** Heads of an encoder's attention and rows per segment; rotary angles of each row's own, f32 [rows, headDim / 2], or none. */
export interface VisionAttentionOptions {
  readonly heads: number
  readonly headDim: number
  readonly segment: number
  readonly cos?: Tensor
  readonly sin?: Tensor
  /** The only weight that the result is multiplied with, which may then be stored as that product likes it. Default: stored as f32. */
  readonly next?: LinearWeight
}

/**
 * Attention of an encoder: rotates q and k where angles are given, then attends in both directions within each segment of `segment` rows.
 * qkv: f32 [rows, 3 · heads · headDim], q | k | v; rows are whole segments. Gives [rows, heads · headDim].
 */
export function visionAttention(step: Step, qkv: Tensor, options: VisionAttentionOptions): Tensor {
  const { heads, headDim, cos, sin } = options
  const queryKeys = cos && sin ? ropeByRow(step, qkv, { heads: 2 * heads, headDim, cos, sin }) : qkv
  if (!takesVisionFlash(step, options.headDim)) return attend(step, queryKeys, qkv, options)
  return visionFlash(step, queryKeys, qkv, { ...options, stored: storedFor(step, options.next, qkv.shape[0] ?? 0) })
}
