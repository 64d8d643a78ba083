// reference: matmul
import activate from '../../shaders/lib/activate.wgsl'
import activation from '../../shaders/lib/activation.wgsl'
import enable from '../../shaders/lib/enable-matrix.wgsl'
import quadEpilogue from '../../shaders/lib/quad-epilogue.wgsl'
import quadF16 from '../../shaders/lib/quad-f16.wgsl'
import quadF32 from '../../shaders/lib/quad-f32.wgsl'
import stripF16 from '../../shaders/lib/strip-f16.wgsl'
import stripQ4 from '../../shaders/lib/strip-q4.wgsl'
import stripQ8 from '../../shaders/lib/strip-q8.wgsl'
import wideF16 from '../../shaders/lib/wide-f16.wgsl'
import wideQ4 from '../../shaders/lib/wide-q4.wgsl'
import wideQ8 from '../../shaders/lib/wide-q8.wgsl'
import code from '../../shaders/subgroup-matmul.wgsl'
import { type Abilities, MATRIX_FEATURE } from '../gpu/abilities.ts'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { epilogueConstants, epilogueParams, type LinearCall } from './lib/linear-call.ts'
import type { Stored } from './lib/quad-code.ts'

const weights = { f16: [wideF16, stripF16], q8: [wideQ8, stripQ8], q4: [wideQ4, stripQ4] } as const

/** How a workgroup is made up; see the shader. Subgroups along rows times half of the fragments there are all its subgroups: a row of W per thread. */
export interface MatrixTile {
  readonly subgroups: readonly [m: number, n: number]
  /** Of a subgroup along rows: 2 or 4; along tokens there are 4. */
  readonly fragments: number
}

const tileCode = ({ subgroups, fragments }: MatrixTile): string =>
  `const SUBGROUPS_M = ${subgroups[0]}u;\nconst SUBGROUPS_N = ${subgroups[1]}u;\nconst FRAGMENTS_N = ${fragments}u;`

const defined = new Map<string, Kernel>()

/** The kernel for a weight's format, by how the result is stored. */
export function subgroupMatmulKernel(format: keyof typeof weights, stored: Stored, tile: MatrixTile): Kernel {
  const name = `subgroup-matmul-${format}-${tile.subgroups.join('x')}x${tile.fragments}${stored === 'f16' ? '-half' : ''}`
  let kernel = defined.get(name)
  if (!kernel) {
    kernel = defineKernel({
      name,
      code: [enable, tileCode(tile), ...weights[format], stored === 'f16' ? quadF16 : quadF32, activation, activate, quadEpilogue, code],
      buffers: ['x', 'weight', 'scales', 'bias', 'residual', 'output'],
      params: { tokens: 'u32', rows: 'u32', strips: 'u32', has_bias: 'u32', has_residual: 'u32' },
      features: ['shader-f16', 'subgroups', MATRIX_FEATURE],
    })
    defined.set(name, kernel)
  }
  return kernel
}

/** Columns of a strip. */
const DEPTH = 32

/** Tokens and rows of a workgroup. */
const sizeOf = ({ subgroups: [m, n], fragments }: MatrixTile): readonly [number, number] => [64 * m, 16 * fragments * n]

/**
 * Measured on an H200 in TFLOP/s, q4, 1024 tokens, 1536 → 17920 and 14336 → 4096, of kernels with one strip on its way: 2 × 2 subgroups of
 * 4 × 4 fragments 161 and 189, 1 × 4 of 4 × 2 148 and 114, 2 × 4 of 4 × 2 91 and 83. A second strip on its way made 174 192 (4096 → 28672) and
 * f16 5120 → 1280 for 4096 tokens 127 of 83; bands of token tiles 186 of 174. Strips of 64 columns were slower, 135, and so were two staged
 * in turn with one barrier each, 146 of 161.
 */
const LARGE: MatrixTile = { subgroups: [2, 2], fragments: 4 }
const MIDDLE: MatrixTile = { subgroups: [1, 4], fragments: 2 }
const SMALL: MatrixTile = { subgroups: [1, 2], fragments: 2 }

/** The tiles that products take. */
export const MATRIX_TILES: readonly MatrixTile[] = [LARGE, MIDDLE, SMALL]

/** Tiles of a size that keep an H200 busy. */
const ENOUGH_TILES = 132

/** Bytes of workgroup memory that a tile takes: staged strips, which are no less than fragments on their way out. */
const memoryOf = (tile: MatrixTile): number => sizeOf(tile)[0] * 80 + sizeOf(tile)[1] * 80

/** Can a GPU multiply with such a weight by subgroup matrices? */
export const takesSubgroupMatmul = (
  { format, rows, cols }: Pick<LinearCall, 'format' | 'rows' | 'cols'>,
  { matrices }: Abilities,
): boolean => matrices && format !== 'f32' && cols % DEPTH === 0 && rows % 8 === 0

/** The tile for a product: smaller ones where large ones would leave parts of a large GPU idle, or do not fit a workgroup's memory. */
export function matrixTileFor({ tokens, rows }: Pick<LinearCall, 'tokens' | 'rows'>, { workgroupMemory }: Abilities): MatrixTile {
  const enough = (tile: MatrixTile): boolean => {
    const [m, n] = sizeOf(tile)
    return Math.ceil(tokens / m) * Math.ceil(rows / n) >= ENOUGH_TILES && workgroupMemory >= memoryOf(tile)
  }
  return [LARGE, MIDDLE].find(enough) ?? SMALL
}

/**
 * Linear layer for many tokens on GPUs with subgroup matrices. x: f16; output: f32 or f16; the weight is not f32; 32 divides cols, 8 rows.
 * gated: output [tokens, rows / 2] is silu(gate) · up instead, of a weight that holds gates, then ups; no activation and residual then.
 */
export function subgroupMatmul(step: Step, call: LinearCall, tile: MatrixTile, { gated = false }: { readonly gated?: boolean } = {}): void {
  const { x, tokens, rows, cols, format, data, scales, bias, residual, output } = call
  if (format === 'f32') throw new Error('subgroupMatmul takes no weights in f32')
  const { none } = step
  const [m, n] = sizeOf(tile)
  step.dispatch(subgroupMatmulKernel(format, output.dtype === 'f16' ? 'f16' : 'f32', tile), {
    buffers: [x, data, scales ?? none, bias ?? none, residual ?? none, output],
    params: { tokens, rows, strips: cols / DEPTH, ...epilogueParams(call) },
    constants: { ...epilogueConstants(call), GATED: gated ? 1 : 0 },
    workgroups: [Math.ceil(rows / n), Math.ceil(tokens / m)],
  })
}
