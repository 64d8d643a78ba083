import code from '../../shaders/cross-attention.wgsl'
import flash from '../../shaders/lib/flash-tile.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import { expectHeadDim, flashTile } from '../util/flash-tile.ts'

/** Query rows of a workgroup. */
const ROWS = 32

const kernel = defineKernel({
  name: 'cross-attention',
  code: [flash, code],
  buffers: ['query', 'keys', 'values', 'out'],
  params: { queries: 'u32', segment: 'u32' },
})

/**
 * Attention of the same queries to each segment of `segment` rows. query: f32 [queries, heads · headDim]; keys, values:
 * f32 [segments · segment, heads · headDim]. Writes out: f32 [segments · queries, heads · headDim]. Errors: shapes that do not fit.
 */
export function crossAttention(
  step: Step,
  query: Tensor,
  [keys, values]: readonly [keys: Tensor, values: Tensor],
  options: { heads: number; headDim: number; segment: number; out: Tensor },
): void {
  const { heads, headDim, segment, out } = options
  const [queries] = matrixShape('crossAttention query', query)
  const [rows] = matrixShape('crossAttention keys', keys)
  const width = heads * headDim
  expectHeadDim(headDim)
  if (rows % segment !== 0) throw new Error(`crossAttention has ${rows} keys, which are no whole segments of ${segment}`)
  expectShape('crossAttention query', query, [queries, width])
  expectShape('crossAttention keys', keys, [rows, width])
  expectShape('crossAttention values', values, [rows, width])
  expectShape('crossAttention out', out, [(rows / segment) * queries, width])
  step.dispatch(kernel, {
    buffers: [query, keys, values, out],
    params: { queries, segment },
    constants: { HEADS: heads, HEAD_DIM: headDim, SCALE: headDim ** -0.5, ...flashTile(headDim, ROWS) },
    workgroups: [Math.ceil(queries / ROWS), heads, rows / segment],
  })
}
