import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import type { Activation } from '../kernels/lib/activation-code.ts'
import { chunkColumns } from '../kernels/lib/weight-code.ts'
import { matmul } from '../kernels/matmul.ts'
import { matvec } from '../kernels/matvec.ts'
import { matvecSubgroup } from '../kernels/matvec-subgroup.ts'
import { siluMul } from '../kernels/silu-mul.ts'
import type { LinearWeight } from './weights.ts'

export type { Activation }

/** What a linear layer does beside the product. */
export interface LinearOptions {
  /** Applied to product and bias. Default 'none'. */
  readonly activation?: Activation
  /** f32 [tokens, rows], added last. */
  readonly residual?: Tensor | undefined
}

/** Most tokens for which each weight is better read once per step than once per tile. */
const MATVEC_TOKENS = 8

/**
 * activation(x · Wᵀ + bias) + residual. x: f32 [tokens, cols], any number of tokens; result: f32 [tokens, rows], summed in f32.
 * The weight's format and the number of tokens decide the kernel. Errors: shapes that do not fit; cols that 4 does not divide.
 */
export function linear(step: Step, x: Tensor, weight: LinearWeight, options: LinearOptions = {}): Tensor {
  const [tokens, cols] = matrixShape('input of linear', x)
  const { format, rows, data, scales, bias } = weight
  if (cols !== weight.cols) throw new Error(`input of linear has shape [${x.shape}], its weight [${rows}, ${weight.cols}]`)
  if (cols % 4 !== 0) throw new Error(`a linear weight has ${cols} columns, which 4 does not divide`)
  const { residual, activation = 'none' } = options
  if (residual) expectShape('residual of linear', residual, [tokens, rows])
  const output = step.scratch('f32', [tokens, rows])
  const call = { x, tokens, format, rows, cols, gated: false, data, scales, bias, residual, activation, output }
  if (!readsOnce(tokens, weight)) matmul(step, call)
  else if (step.subgroups) matvecSubgroup(step, call)
  else matvec(step, call)
  return output
}

/**
 * silu(gate) · up, where x · Wᵀ + bias holds gate and up one after the other, as SwiGLU has it. x: f32 [tokens, cols], weight of
 * 2 · width rows; result: f32 [tokens, width]. One dispatch for few tokens. Errors: as linear.
 */
export function gatedLinear(step: Step, x: Tensor, weight: LinearWeight): Tensor {
  const [tokens, cols] = matrixShape('input of gatedLinear', x)
  if (cols !== weight.cols || !readsOnce(tokens, weight)) return siluMul(step, linear(step, x, weight))
  const { format, data, scales, bias } = weight
  const rows = weight.rows / 2
  const output = step.scratch('f32', [tokens, rows])
  const call = { x, tokens, format, rows, cols, gated: true, data, scales, bias, residual: undefined, activation: 'none' as const, output }
  if (step.subgroups) matvecSubgroup(step, call)
  else matvec(step, call)
  return output
}

/** Do the kernels for few tokens take this product? */
const readsOnce = (tokens: number, { format, cols }: LinearWeight): boolean => tokens <= MATVEC_TOKENS && cols % chunkColumns[format] === 0
