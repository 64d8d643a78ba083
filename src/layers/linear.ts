import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, reshape, rowsOf, type Tensor } from '../gpu/tensor.ts'
import type { Activation } from '../kernels/lib/activation-code.ts'
import type { LinearCall, RmsNorm } from '../kernels/lib/linear-call.ts'
import { chunkColumns } from '../kernels/lib/weight-code.ts'
import { matmul } from '../kernels/matmul.ts'
import { matmulDirect } from '../kernels/matmul-direct.ts'
import { matvec } from '../kernels/matvec.ts'
import { siluMul } from '../kernels/silu-mul.ts'
import { matrixTileFor, subgroupMatmul, takesSubgroupMatmul } from '../kernels/subgroup-matmul.ts'
import { toHalf } from '../kernels/to-half.ts'
import { layerNorm, rmsNorm } from './norm.ts'
import type { LinearWeight } from './weights.ts'

export type { Activation }

/** What a linear layer does beside the product. */
export interface LinearOptions {
  /** Norm applied to x first: with a bias layer norm, else by the root mean square. weight, bias: f32 [cols]. */
  readonly norm?: (RmsNorm & { readonly bias?: Tensor }) | undefined
  /** Applied to product and bias. Default 'none'. */
  readonly activation?: Activation
  /** f32 [tokens, rows], added last. */
  readonly residual?: Tensor | undefined
  /** The only weight that the result is multiplied with, which may then be stored as that product likes it. Default: stored as f32. */
  readonly next?: LinearWeight | undefined
}

/** Does a product of so many tokens take its input as f16? */
const takesHalf = (step: Step, weight: LinearWeight, tokens: number): boolean =>
  !step.software && !takesMatvec(step, { ...weight, tokens }) && takesSubgroupMatmul(weight, step.abilities)

/** How the input of a product of so many tokens is best stored; f32 where nothing is known of it. */
export const storedFor = (step: Step, weight: LinearWeight | undefined, tokens: number): 'f32' | 'f16' =>
  weight && takesHalf(step, weight, tokens) ? 'f16' : 'f32'

/**
 * activation(norm(x) · Wᵀ + bias) + residual. x: f32 [tokens, cols], or stored as storedFor says; any number of tokens; result: [tokens,
 * rows], summed in f32. The weight's format and the number of tokens decide the kernel. Errors: shapes that do not fit; cols that 4 does
 * not divide.
 */
export function linear(step: Step, x: Tensor, weight: LinearWeight, options: LinearOptions = {}): Tensor {
  const { norm, residual, activation = 'none', next } = options
  const tokens = checkInput(x, weight, norm)
  if (residual) expectShape('residual of linear', residual, [tokens, weight.rows])
  const call = { ...weight, tokens, activation, residual }
  const output = (stored: 'f32' | 'f16' = 'f32') => step.scratch(stored, [tokens, weight.rows])
  if (takesMatvec(step, call)) {
    const plain = { ...call, x: norm?.bias ? normed(step, x, norm) : x, output: output() }
    matvec(step, plain, { norm: norm?.bias ? undefined : norm })
    return plain.output
  }
  if (takesHalf(step, weight, tokens)) {
    const made = { ...call, x: halfOf(step, x, norm), output: output(storedFor(step, next, tokens)) }
    subgroupMatmul(step, made, matrixTileFor(call, step.abilities))
    return made.output
  }
  const plain = { ...call, x: norm ? normed(step, x, norm) : x, output: output() }
  if (step.software) matmulDirect(step, plain)
  else matmul(step, plain)
  return plain.output
}

/** x as f16, normalized where a norm is given. */
function halfOf(step: Step, x: Tensor, norm: LinearOptions['norm']): Tensor {
  if (norm) return normed(step, x, norm, 'f16')
  return x.dtype === 'f16' ? x : toHalf(step, x)
}

function normed(step: Step, x: Tensor, norm: NonNullable<LinearOptions['norm']>, stored: 'f32' | 'f16' = 'f32'): Tensor {
  const { weight, bias, epsilon } = norm
  return bias ? layerNorm(step, x, weight, bias, epsilon, stored) : rmsNorm(step, x, weight, epsilon, stored)
}

/**
 * silu(gate) · up, where norm(x) · Wᵀ + bias holds gate and up one after the other, as SwiGLU has it. x: f32 [tokens, cols], weight of
 * 2 · width rows; result: [tokens, width]. Errors: as linear.
 */
export function gatedLinear(step: Step, x: Tensor, weight: LinearWeight, options: { norm?: RmsNorm; next?: LinearWeight } = {}): Tensor {
  const { norm, next } = options
  const tokens = checkInput(x, weight, norm)
  if (takesHalf(step, weight, tokens)) {
    const output = step.scratch(storedFor(step, next, tokens), [tokens, weight.rows / 2])
    const call = { ...weight, x: halfOf(step, x, norm), tokens, activation: 'none' as const, residual: undefined, output }
    subgroupMatmul(step, call, matrixTileFor(call, step.abilities), { gated: true })
    return output
  }
  if (!takesMatvec(step, { ...weight, tokens }))
    return siluMul(step, linear(step, x, weight, { norm }), { stored: storedFor(step, next, tokens) })
  const output = step.scratch('f32', [tokens, weight.rows / 2])
  matvec(step, { ...weight, x, tokens, activation: 'none', residual: undefined, output }, { norm, gated: true })
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
 * for 64. Subgroup matrices take 62 µs for 16 tokens of the first.
 */
function takesMatvec(step: Step, { tokens, rows, cols, format }: Pick<LinearCall, 'tokens' | 'rows' | 'cols' | 'format'>): boolean {
  if (step.software) return false
  const most = takesSubgroupMatmul({ format, rows, cols }, step.abilities) ? 4 : rows <= 4096 && cols > 2 * rows ? 64 : 16
  return tokens <= most && cols % chunkColumns[format] === 0
}
