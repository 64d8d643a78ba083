import f16 from '../../../shaders/lib/weight-f16.wgsl'
import f32 from '../../../shaders/lib/weight-f32.wgsl'
import q4 from '../../../shaders/lib/weight-q4.wgsl'
import q8 from '../../../shaders/lib/weight-q8.wgsl'
import type { Kernel } from '../../gpu/kernel.ts'

/** How to read a weight, by its format. */
export const weightCode = { f32, f16, q8, q4 } as const

/** Columns that a thread of matvec reads at once, by format; a row must be a whole number of them. */
export const chunkColumns = { f32: 4, f16: 8, q8: 16, q4: 16 } as const

/** A kernel once per weight format, as `define` makes it. */
export function perFormat(define: (format: keyof typeof weightCode, code: string) => Kernel): Record<keyof typeof weightCode, Kernel> {
  return {
    f32: define('f32', f32),
    f16: define('f16', f16),
    q8: define('q8', q8),
    q4: define('q4', q4),
  }
}
