import type { DecodeVariant } from '../../src/kernels/lib/decode-code.ts'
import { allowedError, worstOf } from './decode-case.ts'
import { runOnce, testGpu } from './gpu.ts'
import { type NormedCase, type NormedKernel, normedCase } from './normed-case.ts'

/** The largest error of logits in units of the allowed one. variant: how the kernel takes activations. */
export async function headError(c: NormedCase, variant: DecodeVariant, kernel: NormedKernel): Promise<number> {
  const gpu = await testGpu()
  const { input, weight, product } = normedCase(gpu, c, variant)
  const [out = []] = await runOnce(gpu, (step) => [kernel(step, input, weight)])
  return worstOf(out, product.values, product.magnitudes, allowedError(c.cols, variant))
}
