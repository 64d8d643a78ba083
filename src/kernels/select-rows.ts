import code from '../../shaders/select-rows.wgsl'
import { defineKernel } from '../gpu/kernel.ts'

/** Rows of a matrix by index. Workgroups: 64 quads of the output each, folded. */
export const selectRowsKernel = defineKernel({
  name: 'select-rows',
  code: [code],
  buffers: ['x', 'index', 'output'],
  params: { count: 'u32', quads: 'u32' },
})
