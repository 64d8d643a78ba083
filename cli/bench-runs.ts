import { type BenchPrompt, type MeasuredAnswer, type MeasuredRun, runInPage } from './page/page-measure.ts'
import type { Session } from './session.ts'
import type { ModelShape } from './shapes/shape.ts'

/** What is measured, how often, and how long. */
export interface BenchPlan {
  /** Tokens of prompt and answer together. */
  readonly contexts: readonly number[]
  readonly prefill: readonly number[]
  readonly batches: readonly number[]
  /** Sides of pictures in pixels, for models that see. */
  readonly sides: readonly number[]
  /** Seconds of sounds, for models that hear. */
  readonly seconds: readonly number[]
  readonly outputTokens: number
  readonly runs: number
}

/** A loaded model and how it is measured. */
export interface Bench {
  readonly session: Pick<Session, 'call' | 'info'>
  readonly shape: ModelShape
  readonly plan: BenchPlan
}

/** To two places. */
export const round = (value: number): number => Math.round(value * 100) / 100

/** The middle one; the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** So many tokens in so many milliseconds. Errors: there was no time between the first and the last. */
export function perSecond(tokens: number, milliseconds: number): number {
  if (tokens > 0 && milliseconds > 0) return (tokens * 1000) / milliseconds
  throw new Error('All tokens came at once, so there is no speed to tell; ask for more with --output-tokens.')
}

/** Ids spread over the whole vocabulary, the same for the same seed, without the special ones. */
export function promptIds({ decoder, specials }: ModelShape, count: number, seed: number): number[] {
  const special = new Set(Object.values(specials))
  const ids: number[] = []
  let state = (seed + 1) * 2654435761
  while (ids.length < count) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const id = Math.floor((state / 2 ** 32) * decoder.vocabulary)
    if (!special.has(id)) ids.push(id)
  }
  return ids
}

let runs = 0

/** Greedy answers of so many tokens to prompts that are given at the same time. Errors: the library's, by name. */
export const run = (
  { session }: Bench,
  prompts: BenchPrompt[],
  maxTokens: number,
  extra: Partial<MeasuredRun> = {},
): Promise<MeasuredAnswer[]> => session.call(runInPage, { prompts, maxTokens, salt: `bench ${runs++}`, ...extra })

/** The answer to one prompt. */
export async function runOne(bench: Bench, prompt: BenchPrompt, maxTokens: number, extra?: Partial<MeasuredRun>): Promise<MeasuredAnswer> {
  const [answer] = await run(bench, [prompt], maxTokens, extra)
  return answer as MeasuredAnswer
}

/** Whether all have the same tokens, and any. */
export const sameTokens = (answers: readonly MeasuredAnswer[]): boolean =>
  answers.every(({ tokens }) => tokens.length > 0 && tokens.join() === answers[0]?.tokens.join())

/** Runs of the same work after one that warms up. */
export async function repeated<T>({ plan }: Bench, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  for (let i = 0; i <= plan.runs; i++) results.push(await work(i))
  return results.slice(1)
}
