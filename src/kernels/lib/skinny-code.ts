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
import type { Step } from '../../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../../gpu/tensor.ts'
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

/** The kernel for a weight's format and a tile, defined when it is first needed. Errors: the weight is f32. */
export type SkinnyKernels = (format: LinearCall['format'], tile: SkinnyTile, abilities: Pick<Abilities, 'lockstep'>) => Kernel

/** Kernels over lib/skinny. norm: their input is divided by its root mean square. */
export function skinnyKernels({
  norm,
  ...definition
}: Pick<KernelDefinition, 'name' | 'code' | 'buffers' | 'params'> & { readonly norm: boolean }): SkinnyKernels {
  const defined = new Map<string, Kernel>()
  return (format, { tiles, splits }, { lockstep }) => {
    if (format === 'f32') throw new Error(`${definition.name} takes no weights in f32`)
    const name = `${definition.name}-${format}-${tiles}x${splits}${lockstep ? '' : '-barriers'}`
    const tile = `const TILES = ${tiles}u;\nconst SPLITS = ${splits}u;`
    const order = lockstep ? orderLockstep : orderBarrier
    const code = [enable, tile, order, weights[format], actF16, skinny, sumOfSixteen, ...(norm ? [skinnyNorm] : []), ...definition.code]
    const kernel = defined.get(name) ?? defineKernel({ ...definition, name, code, features: ['shader-f16', 'subgroups', MATRIX_FEATURE] })
    defined.set(name, kernel)
    return kernel
  }
}

/** What a product with a norm before it takes: f16 [tokens, cols], x times the norm's weights, and sums of x², f32 [tokens, parts]. */
export interface NormedInput {
  readonly values: Tensor
  readonly squares: Tensor
  readonly epsilon: number
}

/** What every product with a norm before it binds first, and its tokens. name: of the product. Errors: shapes that do not fit. */
export function normedBuffers(
  { none }: Step,
  name: string,
  { values, squares }: NormedInput,
  { cols, data, scales, bias }: SkinnyWeight,
): { tokens: number; buffers: Tensor[] } {
  const [tokens] = matrixShape(`input of ${name}`, values)
  expectShape(`input of ${name}`, values, [tokens, cols])
  return { tokens, buffers: [values, squares, data, scales ?? none, bias ?? none] }
}

/** Overrides of lib/skinny, and of lib/skinny-norm where squares are given. */
export const skinnyConstants = ({ cols }: { cols: number }, norm?: { squares: Tensor; epsilon: number }) => ({
  SLICES: cols / SLICE,
  ...(norm && { SQUARE_PARTS: norm.squares.shape[1] ?? 0, EPSILON: norm.epsilon }),
})
