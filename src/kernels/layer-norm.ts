import code from '../../shaders/layer-norm.wgsl'
import workgroupSum from '../../shaders/lib/workgroup-sum.wgsl'
import { defineKernel } from '../gpu/kernel.ts'

/** Layer norm of rows. Workgroups: one per row, folded. */
export const layerNormKernel = defineKernel({
  name: 'layer-norm',
  code: [workgroupSum, code],
  buffers: ['x', 'weight', 'bias', 'output'],
  params: { rows: 'u32', quads: 'u32', epsilon: 'f32' },
})
