import enable from '../../../shaders/lib/enable-matrix.wgsl'
import flash from '../../../shaders/lib/flash-matrix.wgsl'
import parts from '../../../shaders/lib/flash-matrix-parts.wgsl'
import quadF16 from '../../../shaders/lib/quad-f16.wgsl'
import quadF32 from '../../../shaders/lib/quad-f32.wgsl'
import { type Abilities, MATRIX_FEATURE } from '../../gpu/abilities.ts'
import { defineKernel, type Kernel, type KernelDefinition } from '../../gpu/kernel.ts'
import type { Stored } from './quad-code.ts'

/** How a workgroup of shaders/lib/flash-matrix.wgsl is made up. */
export interface FlashMatrixTile {
  readonly headDim: number
  /** Keys staged at once: 32 or 64. */
  readonly keys: number
  readonly subgroups: number
}

/** Bytes of workgroup memory that a tile takes. */
function flashMatrixMemory({ headDim, keys, subgroups }: FlashMatrixTile): number {
  const stride = 2 * Math.ceil(headDim / 16) + 1
  return 16 * (keys * stride + 16 * subgroups * (keys / 4 + 1 + keys / 8 + 1)) + 16
}

/** Can a GPU take such tiles? */
export const takesFlashMatrix = ({ matrices, workgroupMemory }: Abilities, tile: FlashMatrixTile): boolean =>
  matrices && tile.headDim % 8 === 0 && tile.headDim <= 128 && flashMatrixMemory(tile) <= workgroupMemory

const defined = new Map<string, Kernel>()

/** A kernel over lib/flash-matrix for these tiles, defined once. Errors: headDim is no multiple of 8 up to 128. */
export function flashMatrixKernel(
  definition: Pick<KernelDefinition, 'name' | 'code' | 'buffers' | 'params'>,
  tile: FlashMatrixTile,
  stored: Stored,
): Kernel {
  const { headDim, keys, subgroups } = tile
  if (headDim % 8 !== 0 || headDim > 128) throw new Error(`headDim is ${headDim}, expected a multiple of 8 up to 128`)
  const name = `${definition.name}-${headDim}-${keys}-${subgroups}${stored === 'f16' ? '-half' : ''}`
  let kernel = defined.get(name)
  if (!kernel) {
    const constants = { UNITS: headDim / 8, FRAGMENTS: Math.ceil(headDim / 16), KEYS: keys, SUBGROUPS: subgroups }
    const tileCode = Object.entries(constants).map(([constant, value]) => `const ${constant} = ${value}u;`)
    kernel = defineKernel({
      ...definition,
      name,
      code: [enable, tileCode.join('\n'), stored === 'f16' ? quadF16 : quadF32, parts, flash, ...definition.code],
      features: ['shader-f16', 'subgroups', MATRIX_FEATURE],
    })
    defined.set(name, kernel)
  }
  return kernel
}

/** Scale of queries: 1 / √headDim, times log2(e), since weights are powers of two. */
export const flashMatrixScale = (headDim: number): number => Math.LOG2E * headDim ** -0.5
