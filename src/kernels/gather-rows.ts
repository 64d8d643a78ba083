import code from '../../shaders/gather-rows.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import { perFormat } from './lib/weight-code.ts'

/** Rows of a table by id, or of media embeddings, by the table's format. Workgroups: 64 quads of the output each, folded. */
export const gatherRows = perFormat((format, weight) =>
  defineKernel({
    name: `gather-rows-${format}`,
    code: [weight, code],
    buffers: ['ids', 'weight', 'scales', 'media_rows', 'media', 'output'],
    params: { tokens: 'u32', rows: 'u32', quads: 'u32' },
  }),
)
