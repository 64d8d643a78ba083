import type { SkinnyTile } from '../../src/kernels/lib/skinny-code.ts'

/** How kernels for several tokens take activations, and give them. */
export const BATCH_VARIANT = { act: 'f16', subgroup: 32 } as const
/** Their activations' columns stand in their order, whatever the weight. */
export const BATCH_LAYOUT = { layout: 'f16', next: 'f16' } as const

/** A product of several tokens. */
export interface BatchShape {
  readonly format: 'f16' | 'q8' | 'q4'
  readonly tokens: number
  readonly rows: number
  readonly cols: number
  readonly bias?: boolean
}

/** Small products of every format: of one token with as few rows as may be, and of three tokens. */
export const smallBatches = (fewestRows: number): BatchShape[] =>
  (['f16', 'q8', 'q4'] as const).flatMap((format) => [
    { format, tokens: 1, rows: fewestRows, cols: 128 },
    { format, tokens: 3, rows: 96, cols: 256, bias: true },
  ])

/** Workgroups of different make. */
export const BATCH_TILES: readonly SkinnyTile[] = [
  { tiles: 1, splits: 1 },
  { tiles: 1, splits: 8 },
  { tiles: 2, splits: 4 },
  { tiles: 2, splits: 6 },
]
