import type { Constants } from '../../gpu/kernel.ts'
import type { Tensor } from '../../gpu/tensor.ts'
import { type Activation, activationCode } from './activation-code.ts'
import type { weightCode } from './weight-code.ts'

/** A linear layer as its kernels see it: output = activation(x · Wᵀ + bias) + residual. */
export interface LinearCall {
  /** f32 [tokens, cols]. */
  readonly x: Tensor
  readonly tokens: number
  readonly format: keyof typeof weightCode
  /** Of the weight. */
  readonly rows: number
  readonly cols: number
  readonly data: Tensor
  readonly scales: Tensor | undefined
  /** f32 [rows]. */
  readonly bias: Tensor | undefined
  readonly activation: Activation
  /** f32 [tokens, rows]. */
  readonly residual: Tensor | undefined
  /** f32 [tokens, rows]. */
  readonly output: Tensor
}

/** Root-mean-square norm of rows: x / √(mean x² + epsilon) · weight. */
export interface RmsNorm {
  /** f32 [cols]. */
  readonly weight: Tensor
  readonly epsilon: number
}

/** Overrides of shaders/lib/epilogue.wgsl. */
export const epilogueConstants = (call: LinearCall): Constants => ({ ACTIVATION: activationCode[call.activation] })

/** Params of shaders/lib/epilogue.wgsl. */
export const epilogueParams = (call: LinearCall): { has_bias: number; has_residual: number } => ({
  has_bias: call.bias ? 1 : 0,
  has_residual: call.residual ? 1 : 0,
})
