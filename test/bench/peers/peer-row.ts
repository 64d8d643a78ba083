import { appendFileSync } from 'node:fs'
import { median, round } from '../../../cli/bench-runs.ts'
import type { BenchWork, Measurement } from './page/measurement.ts'

/** One engine in one mode, as it is called in tables. */
export interface PeerName {
  readonly engine: string
  readonly version: string
  readonly mode: string
}

/** A line of the results. Speeds in tokens a second: medians, and the runs that they are of. */
export interface PeerRow extends PeerName {
  readonly date: string
  readonly shape: string
  /** Of the answer's end, of the answer, and of the prompt that measured prefill, in tokens. */
  readonly context: number
  readonly tokens: number
  readonly prefill_tokens: number
  /** Seconds that all of it took. */
  readonly seconds: number
  readonly device?: string
  readonly on_cpu?: boolean
  readonly weights?: string
  readonly decode_tokens_per_second?: number
  readonly decode_runs?: readonly number[]
  readonly prefill_tokens_per_second?: number
  readonly prefill_runs?: readonly number[]
  readonly answer?: readonly number[] | string
  readonly load_ms?: number
  readonly calls_per_token?: object
  readonly notes?: readonly string[]
  /** What did not hold: the figures are not to be trusted. */
  readonly wrong?: readonly string[]
  /** Why there are no figures. */
  readonly problem?: string
}

/** What all rows of a run share. */
export interface RunHead extends BenchWork {
  readonly shape: string
}

const rowHead = (name: PeerName, { shape, context, tokens, prefill }: RunHead, begun: number) => ({
  date: new Date().toISOString(),
  shape,
  ...name,
  context,
  tokens,
  prefill_tokens: prefill,
  seconds: Math.round((performance.now() - begun) / 100) / 10,
})

/** A row of what was measured. begun: performance.now() at the beginning. */
export function measuredRow(name: PeerName, head: RunHead, begun: number, found: Measurement): PeerRow {
  const wrong = [
    ...(found.sameRuns ? [] : ['answers differ between runs']),
    ...(found.finite ? [] : ['logits are not finite']),
    ...(found.answer.length > 0 ? [] : ['there was no answer']),
  ]
  return {
    ...rowHead(name, head, begun),
    device: found.device,
    on_cpu: found.onCpu,
    weights: found.weights,
    decode_tokens_per_second: round(median(found.decode)),
    decode_runs: found.decode.map(round),
    prefill_tokens_per_second: round(median(found.prefill)),
    prefill_runs: found.prefill.map(round),
    answer: found.answer,
    load_ms: Math.round(found.loadMs),
    ...(found.callsPerToken && { calls_per_token: found.callsPerToken }),
    ...(found.notes.length > 0 && { notes: found.notes }),
    ...(wrong.length > 0 && { wrong }),
  }
}

/** A row of what could not be measured. */
export const failedRow = (name: PeerName, head: RunHead, begun: number, error: unknown): PeerRow => ({
  ...rowHead(name, head, begun),
  problem: error instanceof Error ? error.message : String(error),
})

/** Whether two answers are the same; texts and ids cannot be compared, nor can answers that are not there. */
export function sameAnswers(a: PeerRow['answer'], b: PeerRow['answer']): boolean | undefined {
  if (a === undefined || b === undefined || typeof a !== typeof b) return undefined
  return String(a) === String(b)
}

/** The row, and that its answer is not the same as another's, if it is not. */
export function comparedTo(row: PeerRow, other: PeerRow | undefined): PeerRow {
  if (!other || sameAnswers(row.answer, other.answer) !== false) return row
  const line = `the answer differs from ${other.engine}${other.mode && ` ${other.mode}`}`
  return { ...row, wrong: [...(row.wrong ?? []), line] }
}

/** Rows of one configuration as one row, with all their runs; what failed in one round only does not count. */
export function joinedRounds(rows: readonly PeerRow[]): PeerRow[] {
  const keyOf = ({ engine, version, mode, weights }: PeerRow): string => [engine, version, mode, weights].join('|')
  const keys = [...new Set(rows.filter(({ problem }) => problem === undefined).map(keyOf))]
  const joined = keys.map((key) => {
    const same = rows.filter((row) => keyOf(row) === key)
    const [decode, prefill] = [same.flatMap((row) => row.decode_runs ?? []), same.flatMap((row) => row.prefill_runs ?? [])]
    const wrong = [...new Set(same.flatMap((row) => row.wrong ?? []))]
    return {
      ...(same[0] as PeerRow),
      decode_tokens_per_second: round(median(decode)),
      decode_runs: decode,
      prefill_tokens_per_second: round(median(prefill)),
      prefill_runs: prefill,
      ...(wrong.length > 0 && { wrong }),
    }
  })
  const named = ({ engine, mode }: PeerRow): string => `${engine}|${mode}`
  const measured = new Set(joined.map(named))
  const failed = rows.filter((row) => row.problem !== undefined && !measured.has(named(row)))
  return [...joined, ...failed.filter((row, i) => failed.findIndex((each) => named(each) === named(row)) === i)]
}

/** Adds a row to a file of JSON lines. */
export function appendRow(file: string, row: PeerRow): void {
  appendFileSync(file, `${JSON.stringify(row)}\n`)
}
