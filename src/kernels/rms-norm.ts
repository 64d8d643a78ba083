import workgroupSum from '../../shaders/lib/workgroup-sum.wgsl'
import code from '../../shaders/rms-norm.wgsl'
import { defineKernel } from '../gpu/kernel.ts'

/** Root-mean-square norm of rows. Workgroups: one per row, folded. */
export const rmsNormKernel = defineKernel({
  name: 'rms-norm',
  code: [workgroupSum, code],
  buffers: ['x', 'weight', 'output'],
  params: { rows: 'u32', quads: 'u32', epsilon: 'f32' },
})
