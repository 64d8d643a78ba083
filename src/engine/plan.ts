import type { PreparedMedia } from '../models/family.ts'
import type { RowRange } from './encoder-cache.ts'
import type { Sequence } from './sequence.ts'

/** What one sequence does in a step: its tokens from `start` on, `count` of them. */
export interface PlanRow {
  readonly sequence: Sequence
  readonly start: number
  readonly count: number
  /** The last of them is the last known token: a new one is chosen after it. */
  readonly samples: boolean
}

/** A media item to encode before the step, and the rows its embeddings go to. */
export interface EncodeJob {
  readonly key: string
  readonly media: PreparedMedia
  readonly rows: RowRange
}

/** The scheduler's answer: what to compute next. */
export interface Plan {
  readonly rows: readonly PlanRow[]
  readonly encode: readonly EncodeJob[]
  /** Tokens per row. More than 1 only if every row brings one token and samples: the GPU then feeds itself. */
  readonly steps: number
}

/** Does every row bring exactly one token and choose the next? Then the GPU can go on by itself. */
export const isDecode = (rows: readonly PlanRow[]): boolean => rows.every((row) => row.count === 1 && row.samples)
