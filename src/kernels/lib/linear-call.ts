import type { Constants } from '../../gpu/kernel.ts'
import type { Step } from '../../gpu/step.ts'
import type { Tensor } from '../../gpu/tensor.ts'
import { type Activation, activationCode } from './activation-code.ts'
import type { weightCode } from './weight-code.ts'

/** A linear layer as its kernels see it: output = activation(x · Wᵀ + bias) + residual. */
export interface LinearCall {
  /** f32 [tokens, cols]. */
  readonly x: Tensor
  readonly tokens: number
  readonly format: keyof typeof weightCode
  /** Of the output, and of the weight unless gated. */
  readonly rows: number
  readonly cols: number
  /**
   * The weight is [2 · rows, cols], gates then ups, and so is its bias; output = silu(gate) · up, without activation and residual.
   * Only the kernels for few tokens can.
   */
  readonly gated: boolean
  readonly data: Tensor
  readonly scales: Tensor | undefined
  /** f32 [rows]. */
  readonly bias: Tensor | undefined
  /** f32 [tokens, rows]. */
  readonly residual: Tensor | undefined
  readonly activation: Activation
  /** f32 [tokens, rows]. */
  readonly output: Tensor
}

/** The call's tensors in the order of the kernels' buffers: x, weight, scales, bias, residual, output. */
export const linearBuffers = (step: Step, call: LinearCall): Tensor[] => [
  call.x,
  call.data,
  call.scales ?? step.none,
  call.bias ?? step.none,
  call.residual ?? step.none,
  call.output,
]

/** Overrides of shaders/lib/epilogue.wgsl. */
export const epilogueConstants = (call: LinearCall): Constants => ({ ACTIVATION: activationCode[call.activation] })

/** Params of shaders/lib/epilogue.wgsl. */
export const epilogueParams = (call: LinearCall): { has_bias: number; has_residual: number } => ({
  has_bias: call.bias ? 1 : 0,
  has_residual: call.residual ? 1 : 0,
})
