import type { Gpu } from '../../src/gpu/device.ts'
import type { Step } from '../../src/gpu/step.ts'
import type { Tensor } from '../../src/gpu/tensor.ts'
import type { DecodeVariant } from '../../src/kernels/lib/decode-code.ts'
import type { NormedInput } from '../../src/kernels/lib/skinny-code.ts'
import type { LinearWeight, WeightFormat } from '../../src/layers/weights.ts'
import { type MatmulAnswer, matmulReference } from '../reference/matmul.ts'
import { rmsNormReference } from '../reference/rms-norm.ts'
import { packActs, squaresInParts } from './decode-case.ts'
import { upload } from './gpu.ts'
import { packWeight } from './pack-weight.ts'
import { randomFloats } from './random.ts'

/** A product with a norm before it. */
export interface NormedCase {
  readonly format: WeightFormat
  /** Format of the weight that activations are laid out for; default: `format`. */
  readonly layout?: WeightFormat
  readonly tokens: number
  readonly rows: number
  readonly cols: number
  readonly bias?: boolean
  /** Sums of squares of each token. */
  readonly parts: number
  readonly epsilon: number
}

/** Runs a kernel whose one output is a tensor. */
export type NormedKernel = (step: Step, input: NormedInput, weight: LinearWeight) => Tensor

/** A norm and a product on random numbers: what a kernel takes, and what the product should be. */
export function normedCase(
  gpu: Gpu,
  { format, layout = format, tokens, rows, cols, parts, epsilon, ...c }: NormedCase,
  variant: DecodeVariant,
): { input: NormedInput; weight: LinearWeight; product: MatmulAnswer } {
  const x = randomFloats(1, tokens * cols, -2, 2)
  const norm = randomFloats(2, cols, 0.5, 1.5)
  const bias = c.bias ? randomFloats(3, rows) : undefined
  const { weight, values: w } = packWeight(gpu, format, rows, cols, randomFloats(4, rows * cols), bias)
  const scaled = x.map((value, i) => value * norm[i % cols]!)
  const { tensor: values } = packActs(gpu, scaled, cols, layout, variant)
  const squares = upload(gpu, 'f32', [tokens, parts], squaresInParts(x, cols, parts))
  const product = matmulReference({ x: rmsNormReference(x, norm, tokens, cols, epsilon), w, tokens, rows, cols, bias })
  return { input: { values, squares, epsilon }, weight, product }
}
