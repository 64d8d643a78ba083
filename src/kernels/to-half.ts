import quadF16 from '../../shaders/lib/quad-f16.wgsl'
import code from '../../shaders/to-half.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { elementCount, type Tensor } from '../gpu/tensor.ts'
import { foldWorkgroups } from './lib/fold-workgroups.ts'

const kernel = defineKernel({ name: 'to-half', code: [quadF16, code], buffers: ['x', 'out'], params: { quads: 'u32' } })

/** The same values as f16, those beyond its range at its end. x: f32, a multiple of 4 values. */
export function toHalf(step: Step, x: Tensor): Tensor {
  const count = elementCount(x.shape)
  if (count % 4 !== 0) throw new Error(`toHalf has ${count} values, which 4 does not divide`)
  const out = step.scratch('f16', x.shape)
  step.dispatch(kernel, { buffers: [x, out], params: { quads: count / 4 }, workgroups: foldWorkgroups(Math.ceil(count / 4 / 256)) })
  return out
}
