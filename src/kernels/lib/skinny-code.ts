import actF16 from '../../../shaders/lib/act-f16.wgsl'
import enable from '../../../shaders/lib/enable-matrix.wgsl'
import orderBarrier from '../../../shaders/lib/order-barrier.wgsl'
import orderLockstep from '../../../shaders/lib/order-lockstep.wgsl'
import skinny from '../../../shaders/lib/skinny.wgsl'
import skinnyNorm from '../../../shaders/lib/skinny-norm.wgsl'
import sumOfSixteen from '../../../shaders/lib/sum-of-sixteen.wgsl'
import wideF16 from '../../../shaders/lib/wide-f16.wgsl'
import wideQ4 from '../../../shaders/lib/wide-q4.wgsl'
import wideQ8 from '../../../shaders/lib/wide-q8.wgsl'
import { type Abilities, MATRIX_FEATURE } from '../../gpu/abilities.ts'
import { defineKernel, type Kernel, type KernelDefinition } from '../../gpu/kernel.ts'
import type { Tensor } from '../../gpu/tensor.ts'
import type { LinearCall } from './linear-call.ts'

const weights = { f16: wideF16, q8: wideQ8, q4: wideQ4 } as const

/** A weight as the kernels for several tokens see it. */
export type SkinnyWeight = Pick<LinearCall, 'format' | 'rows' | 'cols' | 'data' | 'scales' | 'bias'>

/** How a workgroup of shaders/lib/skinny.wgsl is made up. */
export interface SkinnyTile {
  /** Tiles of 16 rows: 1 or 2. */
  readonly tiles: number
  /** Subgroups that share them. */
  readonly splits: number
}

/** Tokens of a workgroup. */
export const SKINNY_TOKENS = 16
/** Columns of a slice. */
const SLICE = 128
/** Most subgroups of a workgroup. */
const MOST_SPLITS = 8

/** Bytes of workgroup memory that a subgroup takes. */
const memoryOf = (tiles: number): number => 16 * (16 * 17 + tiles * 16 * 5)
/** Fewest subgroups that a workgroup's memory must have room for. */
const FEWEST_SPLITS = 4

/** Can a GPU multiply few tokens with such a weight by these kernels? */
export const takesSkinny = (
  { format, rows, cols }: Pick<LinearCall, 'format' | 'rows' | 'cols'>,
  { matrices, workgroupMemory }: Abilities,
): boolean => matrices && workgroupMemory >= FEWEST_SPLITS * memoryOf(2) && format !== 'f32' && cols % SLICE === 0 && rows % 32 === 0

/** As many subgroups as make a difference: the fewest that take as few turns as `most` would. most: less if memory is short. */
export function skinnyTile(
  tiles: number,
  { cols }: { cols: number },
  { workgroupMemory }: Abilities,
  most: number = MOST_SPLITS,
): SkinnyTile {
  const slices = cols / SLICE
  const room = Math.min(most, Math.floor(workgroupMemory / memoryOf(tiles)))
  return { tiles, splits: Math.ceil(slices / Math.ceil(slices / room)) }
}

const defined = new Map<string, Kernel>()

/** A kernel over lib/skinny for a weight's format and a tile, defined once. norm: its input is divided by its root mean square. Errors: the weight is f32. */
export function skinnyKernel(
  definition: Pick<KernelDefinition, 'name' | 'code' | 'buffers' | 'params'> & { readonly norm: boolean },
  format: LinearCall['format'],
  { tiles, splits }: SkinnyTile,
  { lockstep }: Pick<Abilities, 'lockstep'>,
): Kernel {
  if (format === 'f32') throw new Error(`${definition.name} takes no weights in f32`)
  const { norm, ...rest } = definition
  const name = `${rest.name}-${format}-${tiles}x${splits}${lockstep ? '' : '-barriers'}`
  let kernel = defined.get(name)
  if (!kernel) {
    const tile = `const TILES = ${tiles}u;\nconst SPLITS = ${splits}u;`
    kernel = defineKernel({
      ...rest,
      name,
      code: [
        enable,
        tile,
        lockstep ? orderLockstep : orderBarrier,
        weights[format],
        actF16,
        skinny,
        sumOfSixteen,
        ...(norm ? [skinnyNorm] : []),
        ...rest.code,
      ],
      features: ['shader-f16', 'subgroups', MATRIX_FEATURE],
    })
    defined.set(name, kernel)
  }
  return kernel
}

/** Overrides of lib/skinny, and of lib/skinny-norm where squares are given. */
export const skinnyConstants = ({ cols }: { cols: number }, norm?: { squares: Tensor; epsilon: number }) => ({
  SLICES: cols / SLICE,
  ...(norm && { SQUARE_PARTS: norm.squares.shape[1] ?? 0, EPSILON: norm.epsilon }),
})
