import code from '../../shaders/layer-norm.wgsl'
import workgroupSum from '../../shaders/lib/workgroup-sum.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import { perStored } from './lib/quad-code.ts'

/** Layer norm of rows, by how the result is stored. Workgroups: one per row, folded. */
export const layerNormKernels = perStored((suffix, quad) =>
  defineKernel({
    name: `layer-norm${suffix}`,
    code: [quad, workgroupSum, code],
    buffers: ['x', 'weight', 'bias', 'output'],
    params: { rows: 'u32', quads: 'u32', epsilon: 'f32' },
  }),
)
