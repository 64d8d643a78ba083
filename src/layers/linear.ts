import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, reshape, rowsOf, type Tensor } from '../gpu/tensor.ts'
import type { Activation } from '../kernels/lib/activation-code.ts'
import type { LinearCall, RmsNorm } from '../kernels/lib/linear-call.ts'
import { chunkColumns } from '../kernels/lib/weight-code.ts'
import { matmul } from '../kernels/matmul.ts'
import { matmulDirect } from '../kernels/matmul-direct.ts'
import { matvec } from '../kernels/matvec.ts'
import { siluMul } from '../kernels/silu-mul.ts'
import { rmsNorm } from './norm.ts'
import type { LinearWeight } from './weights.ts'

export type { Activation }

/** What a linear layer does beside the product. */
export interface LinearOptions {
  /** Root-mean-square norm applied to x first; costs no dispatch of its own for few tokens. weight: f32 [cols]. */
  readonly norm?: RmsNorm | undefined
  /** Applied to product and bias. Default 'none'. */
  readonly activation?: Activation
  /** f32 [tokens, rows], added last. */
  readonly residual?: Tensor | undefined
}

/**
 * activation(norm(x) · Wᵀ + bias) + residual. x: f32 [tokens, cols], any number of tokens; result: f32 [tokens, rows], summed in f32.
 * The weight's format and the number of tokens decide the kernel. Errors: shapes that do not fit; cols that 4 does not divide.
 */
export function linear(step: Step, x: Tensor, weight: LinearWeight, options: LinearOptions = {}): Tensor {
  const { norm, residual, activation = 'none' } = options
  const tokens = checkInput(x, weight, norm)
  if (residual) expectShape('residual of linear', residual, [tokens, weight.rows])
  const output = step.scratch('f32', [tokens, weight.rows])
  const call: LinearCall = { ...weight, x, tokens, activation, residual, output }
  if (takesMatvec(step, call)) {
    matvec(step, call, { norm })
    return output
  }
  const multiply = step.software ? matmulDirect : matmul
  multiply(step, { ...call, x: norm ? rmsNorm(step, x, norm.weight, norm.epsilon) : x })
  return output
}

/**
 * silu(gate) · up, where norm(x) · Wᵀ + bias holds gate and up one after the other, as SwiGLU has it. x: f32 [tokens, cols], weight of
 * 2 · width rows; result: f32 [tokens, width]. One dispatch for few tokens. Errors: as linear.
 */
export function gatedLinear(step: Step, x: Tensor, weight: LinearWeight, options: Pick<LinearOptions, 'norm'> = {}): Tensor {
  const tokens = checkInput(x, weight, options.norm)
  if (!takesMatvec(step, { ...weight, tokens })) return siluMul(step, linear(step, x, weight, options))
  const output = step.scratch('f32', [tokens, weight.rows / 2])
  matvec(step, { ...weight, x, tokens, activation: 'none', residual: undefined, output }, { norm: options.norm, gated: true })
  return output
}

/** Some rows of a weight that is not quantized, in place: q, k or v of a stacked one. Errors: as rowsOf; the weight is quantized. */
export function weightRows(weight: LinearWeight, start: number, rows: number): LinearWeight {
  const { scales, bias } = weight
  if (scales) throw new Error(`a weight stored as ${weight.format} cannot be split`)
  const part = bias && rowsOf(reshape(bias, [weight.rows, 1]), start, rows)
  return { ...weight, rows, data: rowsOf(weight.data, start, rows), bias: part && reshape(part, [rows]) }
}

function checkInput(x: Tensor, { rows, cols }: LinearWeight, norm: RmsNorm | undefined): number {
  const [tokens, width] = matrixShape('input of linear', x)
  if (width !== cols) throw new Error(`input of linear has shape [${x.shape}], its weight [${rows}, ${cols}]`)
  if (cols % 4 !== 0) throw new Error(`a linear weight has ${cols} columns, which 4 does not divide`)
  if (norm) expectShape('norm of linear', norm.weight, [cols])
  return tokens
}

/**
 * Is matvec the kernel to take? On SwiftShader never: one token through f16 320 → 1792 costs 3 ms of CPU time with matmul-direct, and 16 ms
 * with matvec in teams of one thread. On hardware where it is faster. Measured on an H200: q4 1536 → 17920 takes 41 µs per 8 tokens,
 * matmul 125 µs for up to 32; with few long rows, which leave matmul few tiles, q4 8960 → 1536 takes 26 µs per 8 tokens, matmul 394 µs
 * for 64.
 */
function takesMatvec(step: Step, { tokens, rows, cols, format }: Pick<LinearCall, 'tokens' | 'rows' | 'cols' | 'format'>): boolean {
  if (step.software) return false
  const most = rows <= 4096 && cols > 2 * rows ? 64 : 16
  return tokens <= most && cols % chunkColumns[format] === 0
}
