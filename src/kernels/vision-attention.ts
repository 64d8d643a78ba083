import flash from '../../shaders/lib/flash-tile.wgsl'
import code from '../../shaders/vision-attention.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import { expectHeadDim, flashTile } from '../util/flash-tile.ts'

/**
 * Query rows of a workgroup. On an H200 4096 rows of 16 heads of 80 take 10.6 ms with 64, 16.4 ms with 32; heads of more dims leave no memory
 * for as many.
 */
const rowsFor = (headDim: number, software: boolean): number => (headDim <= 80 && !software ? 64 : 32)

const kernel = defineKernel({
  name: 'vision-attention',
  code: [flash, code],
  buffers: ['query_keys', 'qkv', 'out'],
  params: { segment: 'u32' },
})

/**
 * Attention in both directions within segments of `segment` rows. queryKeys: f32 [rows, 2 · heads · headDim], q | k after rotation, or
 * qkv itself where nothing turns; qkv: f32 [rows, 3 · heads · headDim], of which v is read. Gives f32 [rows, heads · headDim].
 * Errors: rows are not whole segments.
 */
export function visionAttention(
  step: Step,
  queryKeys: Tensor,
  qkv: Tensor,
  options: { heads: number; headDim: number; segment: number },
): Tensor {
  const { heads, headDim, segment } = options
  const [rows] = matrixShape('visionAttention qkv', qkv)
  expectHeadDim(headDim)
  if (queryKeys !== qkv) expectShape('visionAttention queryKeys', queryKeys, [rows, 2 * heads * headDim])
  expectShape('visionAttention qkv', qkv, [rows, 3 * heads * headDim])
  if (rows % segment !== 0) throw new Error(`visionAttention has ${rows} rows, which are no whole segments of ${segment}`)
  const rowsEach = rowsFor(headDim, step.software)
  const out = step.scratch('f32', [rows, heads * headDim])
  step.dispatch(kernel, {
    buffers: [queryKeys, qkv, out],
    params: { segment },
    constants: {
      HEADS: heads,
      HEAD_DIM: headDim,
      UNTURNED: queryKeys === qkv ? 1 : 0,
      SCALE: headDim ** -0.5,
      ...flashTile(headDim, rowsEach),
    },
    workgroups: [Math.ceil(segment / rowsEach), heads, rows / segment],
  })
  return out
}
