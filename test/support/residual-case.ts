import { expect } from 'vitest'
import type { Step } from '../../src/gpu/step.ts'
import type { Tensor } from '../../src/gpu/tensor.ts'
import type { Acts, DecodeVariant } from '../../src/kernels/lib/decode-code.ts'
import type { LinearWeight, WeightFormat } from '../../src/layers/weights.ts'
import { matmulReference } from '../reference/matmul.ts'
import { allowedError, packActs, unpackActs, worstOf } from './decode-case.ts'
import { runOnce, testGpu, upload } from './gpu.ts'
import { packWeight } from './pack-weight.ts'
import { randomFloats } from './random.ts'

/** A product that is added to the residual stream. */
export interface ResidualCase {
  readonly format: WeightFormat
  /** Format of the weight that activations are laid out for; default: `format`. */
  readonly layout?: WeightFormat
  /** Format of the weight that the next input is laid out for. */
  readonly next: WeightFormat
  readonly tokens: number
  readonly rows: number
  readonly cols: number
  readonly bias?: boolean
}

/** x: the residual stream, changed in place. nextNorm: f32 [rows]. */
type ResidualKernel = (step: Step, x: Tensor, input: Tensor, weight: LinearWeight, nextNorm: Tensor) => Acts

/** Expects the residual stream, the next input and its squares to be right. variant: how the kernel takes and gives activations. */
export async function expectResidual(
  { format, layout = format, next, tokens, rows, cols, ...c }: ResidualCase,
  variant: DecodeVariant,
  kernel: ResidualKernel,
): Promise<void> {
  const gpu = await testGpu()
  const input = randomFloats(1, tokens * cols)
  const before = randomFloats(2, tokens * rows, -3, 3)
  const norm = randomFloats(3, rows, 0.5, 1.5)
  const bias = c.bias ? randomFloats(5, rows) : undefined
  const { weight, values: w } = packWeight(gpu, format, rows, cols, randomFloats(4, rows * cols), bias)
  const { tensor: values } = packActs(gpu, input, cols, layout, variant)
  const [x = [], acts = [], squares = []] = await runOnce(gpu, (step) => {
    const stream = upload(gpu, 'f32', [tokens, rows], before)
    const found = kernel(step, stream, values, weight, upload(gpu, 'f32', [rows], norm))
    return [stream, found.values, found.squares!]
  })
  const { values: expected, magnitudes } = matmulReference({ x: input, w, tokens, rows, cols, bias, residual: before })
  const sizes = magnitudes.map((size, i) => size + Math.abs(before[i]!))
  const allowed = allowedError(cols, variant)
  expect(worstOf(x, expected, sizes, allowed), 'the residual stream').toBeLessThan(1)
  const scale = (values: ArrayLike<number>) => Float64Array.from(values, (value, i) => value * norm[i % rows]!)
  // A rounding more for what is stored.
  const stored = allowed + (variant.act === 'f16' ? 2 ** -11 : 2 ** -23)
  expect(worstOf(unpackActs(acts, rows, next, variant), scale(expected), scale(sizes), stored), 'the next input').toBeLessThan(1)
  const parts = squares.length / tokens
  for (let t = 0; t < tokens; t++) {
    const sum = Array.from(squares.slice(t * parts, (t + 1) * parts)).reduce((total, value) => total + value, 0)
    const right = expected.slice(t * rows, (t + 1) * rows).reduce((total, value) => total + value * value, 0)
    const size = sizes.slice(t * rows, (t + 1) * rows).reduce((total, value) => total + value * value, 0)
    expect(Math.abs(sum - right), 'the squares').toBeLessThan(3 * allowed * size)
  }
}
