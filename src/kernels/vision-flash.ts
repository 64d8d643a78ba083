// reference: vision-attention
import code from '../../shaders/vision-flash.wgsl'
import type { Kernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import { flashMatrixKernel, flashMatrixScale, takesFlashMatrix } from './lib/flash-matrix-code.ts'
import type { Stored } from './lib/quad-code.ts'

/** Keys staged at once and subgroups of a workgroup. */
export interface VisionFlashTile {
  readonly keys: number
  readonly subgroups: number
}

/** On an H200 4096 rows of 16 heads of 80 take 1.5 ms with these, 1.7 ms with 4 subgroups, 2.3 ms with 64 keys and 4. */
const TILE: VisionFlashTile = { keys: 32, subgroups: 8 }

/** The kernel for heads of this size, by how the result is stored. */
export const visionFlashKernel = (headDim: number, stored: Stored, tile: VisionFlashTile = TILE): Kernel =>
  flashMatrixKernel(
    { name: 'vision-flash', code: [code], buffers: ['query_keys', 'qkv', 'out'], params: { segment: 'u32' } },
    { headDim, ...tile },
    stored,
  )

/** Can this GPU take visionFlash for heads of this size? */
export const takesVisionFlash = ({ software, abilities }: Pick<Step, 'software' | 'abilities'>, headDim: number): boolean =>
  !software && takesFlashMatrix(abilities, { headDim, ...TILE })

/**
 * Attention in both directions within segments of `segment` rows, on GPUs with subgroup matrices; queries, keys, values and weights as f16.
 * queryKeys: f32 [rows, 2 · heads · headDim], q | k after rotation, or qkv itself where nothing turns; qkv: f32 [rows, 3 · heads · headDim],
 * of which v is read. Gives [rows, heads · headDim], stored as f32 unless said otherwise. Errors: rows are not whole segments; headDim is no multiple of 8 up to 128.
 */
export function visionFlash(
  step: Step,
  queryKeys: Tensor,
  qkv: Tensor,
  options: { heads: number; headDim: number; segment: number; stored?: Stored },
  tile: VisionFlashTile = TILE,
): Tensor {
  const { heads, headDim, segment, stored = 'f32' } = options
  const [rows] = matrixShape('visionFlash qkv', qkv)
  if (queryKeys !== qkv) expectShape('visionFlash queryKeys', queryKeys, [rows, 2 * heads * headDim])
  expectShape('visionFlash qkv', qkv, [rows, 3 * heads * headDim])
  if (rows % segment !== 0) throw new Error(`visionFlash has ${rows} rows, which are no whole segments of ${segment}`)
  const kernel = visionFlashKernel(headDim, stored, tile)
  const out = step.scratch(stored, [rows, heads * headDim])
  step.dispatch(kernel, {
    buffers: [queryKeys, qkv, out],
    params: { segment },
    constants: { HEADS: heads, UNTURNED: queryKeys === qkv ? 1 : 0, SCALE: flashMatrixScale(headDim) },
    workgroups: [Math.ceil(segment / (16 * tile.subgroups)), heads, rows / segment],
  })
  return out
}
