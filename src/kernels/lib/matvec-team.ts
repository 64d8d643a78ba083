import type { LinearCall } from './linear-call.ts'

/** Rows of the weight; a gated output takes two each. */
export const weightRows = ({ rows, gated }: LinearCall): number => (gated ? 2 * rows : rows)

/** Overrides of shaders/lib/matvec.wgsl: TEAMS teams of LANES threads, each making ROWS rows of the product for TOKENS tokens. */
export interface MatvecTeam {
  readonly LANES: number
  readonly TEAMS: number
  readonly ROWS: number
  readonly TOKENS: number
}

/**
 * The team that was fastest on an H200 for shapes like this one (of 2B to 8B models, in q4, q8 and f16). ROWS · TOKENS never exceeds
 * LANES. Tokens are rounded up to a power of two, so that few pipelines serve all batches.
 */
export function matvecTeam(call: LinearCall): MatvecTeam {
  const TOKENS = 2 ** Math.ceil(Math.log2(call.tokens))
  const rows = weightRows(call)
  // Where rows are few, more threads share one, so that the whole GPU has work.
  if (rows <= 4096) return call.cols > 2 * rows ? { LANES: 128, TEAMS: 1, ROWS: 2, TOKENS } : { LANES: 64, TEAMS: 2, ROWS: 2, TOKENS }
  // Rows whose decoding costs more than their reading share the reading of x.
  const dense = call.format === 'f32' || call.format === 'f16'
  return dense || TOKENS > 4 ? { LANES: 16, TEAMS: 8, ROWS: 2, TOKENS } : { LANES: 16, TEAMS: 2, ROWS: 4, TOKENS }
}
