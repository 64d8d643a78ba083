import workgroupSum from '../../shaders/lib/workgroup-sum.wgsl'
import code from '../../shaders/rms-norm.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import { perStored } from './lib/quad-code.ts'

/** Root-mean-square norm of rows, by how the result is stored. Workgroups: one per row, folded. */
export const rmsNormKernels = perStored((suffix, quad) =>
  defineKernel({
    name: `rms-norm${suffix}`,
    code: [quad, workgroupSum, code],
    buffers: ['x', 'weight', 'output'],
    params: { rows: 'u32', quads: 'u32', epsilon: 'f32' },
  }),
)
