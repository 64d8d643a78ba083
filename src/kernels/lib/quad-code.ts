import f16 from '../../../shaders/lib/quad-f16.wgsl'
import f32 from '../../../shaders/lib/quad-f32.wgsl'
import type { Kernel } from '../../gpu/kernel.ts'

/** How a kernel stores its results: f16 for products that take it. */
export type Stored = 'f32' | 'f16'

/** A kernel for each way to store its results, as `define` makes it of a suffix and the code to store by. */
export const perStored = (define: (suffix: string, quad: string) => Kernel): Readonly<Record<Stored, Kernel>> => ({
  f32: define('', f32),
  f16: define('-half', f16),
})
