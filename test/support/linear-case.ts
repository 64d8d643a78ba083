import type { Gpu } from '../../src/gpu/device.ts'
import type { Step } from '../../src/gpu/step.ts'
import type { LinearCall } from '../../src/kernels/lib/linear-call.ts'
import type { MatvecOptions } from '../../src/kernels/matvec.ts'
import type { WeightFormat } from '../../src/layers/weights.ts'
import { type MatmulAnswer, matmulReference } from '../reference/matmul.ts'
import { rmsNormReference } from '../reference/rms-norm.ts'
import { siluMulReference } from '../reference/silu-mul.ts'
import { runOnce, upload } from './gpu.ts'
import { packWeight } from './pack-weight.ts'
import { randomFloats } from './random.ts'

export const formats: readonly WeightFormat[] = ['f32', 'f16', 'q8', 'q4']

export interface LinearCase {
  readonly format: WeightFormat
  readonly tokens: number
  readonly rows: number
  readonly cols: number
  readonly bias?: boolean
  readonly residual?: boolean
  readonly norm?: boolean
  /** Gates and ups, rows / 2 of each. */
  readonly gated?: boolean
  readonly activation?: LinearCall['activation']
}

export const nameOf = (c: LinearCase): string =>
  [
    `${c.format}, ${c.tokens} × ${c.cols} → ${c.rows}`,
    c.bias && 'bias',
    c.activation,
    c.residual && 'residual',
    c.norm && 'norm',
    c.gated && 'gated',
  ]
    .filter(Boolean)
    .join(', ')

type LinearKernel = (step: Step, call: LinearCall, options: MatvecOptions) => void

const EPSILON = 1e-6

/**
 * Runs a linear kernel on random numbers and gives its largest error in units of the allowed one. Allowed are the roundings of f32:
 * 2^-24 of Σ|x·w| each. A chain of additions is a quarter of cols at most, since kernels add four columns at a time, and roundings of
 * either sign add up like its square root; 8 more for products, scales, bias and residual, and 16 for a norm, exp or erf where there is one.
 */
export async function linearError(gpu: Gpu, kernel: LinearKernel, c: LinearCase): Promise<number> {
  const { format, tokens, rows, cols, activation = 'none', gated = false } = c
  const outRows = gated ? rows / 2 : rows
  const x = randomFloats(1, tokens * cols)
  const bias = c.bias ? randomFloats(2, rows) : undefined
  const residual = c.residual ? randomFloats(3, tokens * rows) : undefined
  const norm = c.norm ? randomFloats(5, cols) : undefined
  const { weight, values: w } = packWeight(gpu, format, rows, cols, randomFloats(4, rows * cols), bias)
  const inputs = { x: upload(gpu, 'f32', [tokens, cols], x), residual: residual && upload(gpu, 'f32', [tokens, rows], residual) }
  const [actual] = await runOnce(gpu, (step) => {
    const output = step.scratch('f32', [tokens, outRows])
    const normed = norm && { weight: upload(gpu, 'f32', [cols], norm), epsilon: EPSILON }
    kernel(step, { ...weight, ...inputs, tokens, activation, output }, { norm: normed, gated })
    return [output]
  })
  const product = matmulReference({
    x: norm ? rmsNormReference(x, norm, tokens, cols, EPSILON) : x,
    w,
    tokens,
    rows,
    cols,
    bias,
    residual,
    activation,
  })
  const expected = gated ? gate(product, tokens, outRows) : product
  const roundings = Math.sqrt(cols / 4) + 8 + (activation === 'none' && !gated && !norm ? 0 : 16)
  let worst = 0
  expected.values.forEach((value, i) => {
    const allowed = roundings * 2 ** -24 * (expected.magnitudes[i]! + Math.abs(residual?.[i] ?? 0))
    const error = Math.abs((actual?.[i] ?? Number.NaN) - value) / allowed
    // Written so that a NaN counts as the worst.
    if (!(error <= worst) && !Number.isNaN(worst)) worst = error
  })
  return worst
}

/** silu(gate) · up, and the magnitudes that its rounding errors are measured against: those of one factor times the other. */
function gate({ values, magnitudes }: MatmulAnswer, tokens: number, rows: number): MatmulAnswer {
  const out = { values: siluMulReference(values, tokens, rows, false), magnitudes: new Float64Array(tokens * rows) }
  out.magnitudes.forEach((_, i) => {
    const at = Math.floor(i / rows) * rows + i
    const [gate, up] = [values[at]!, values[at + rows]!]
    // silu is no larger than its argument and nowhere steeper than 1.1.
    out.magnitudes[i] = 1.1 * magnitudes[at]! * Math.abs(up) + Math.abs(gate) * magnitudes[at + rows]!
  })
  return out
}
