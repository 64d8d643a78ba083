import type { DecodeVariant } from '../../src/kernels/lib/decode-code.ts'
import type { WeightFormat } from '../../src/layers/weights.ts'
import { siluMulReference } from '../reference/silu-mul.ts'
import { allowedError, unpackActs, worstOf } from './decode-case.ts'
import { runOnce, testGpu } from './gpu.ts'
import { type NormedCase, type NormedKernel, normedCase } from './normed-case.ts'

/** rows: of the output; the weight has twice as many. */
export interface GateUpCase extends Omit<NormedCase, 'parts' | 'epsilon'> {
  /** Format of the weight that the output is laid out for. */
  readonly next: WeightFormat
}

/** The largest error of silu(gate) · up in units of the allowed one. variant: how the kernel takes and gives activations. */
export async function gateUpError({ next, rows, ...c }: GateUpCase, variant: DecodeVariant, kernel: NormedKernel): Promise<number> {
  const gpu = await testGpu()
  const { input, weight, product } = normedCase(gpu, { ...c, rows: 2 * rows, parts: 3, epsilon: 1e-6 }, variant)
  const [out = []] = await runOnce(gpu, (step) => [kernel(step, input, weight)])
  const expected = siluMulReference(product.values, c.tokens, rows, false)
  // Errors of one factor times the other; silu is no larger than its argument and nowhere steeper than 1.1.
  const sizes = expected.map((_, i) => {
    const at = Math.floor(i / rows) * rows + i
    const [gate = 0, up = 0] = [product.values[at], product.values[at + rows]]
    return 1.1 * product.magnitudes[at]! * Math.abs(up) + Math.abs(gate) * product.magnitudes[at + rows]!
  })
  return worstOf(unpackActs(out, rows, next, variant), expected, sizes, allowedError(c.cols, variant))
}
