import type { BenchRow } from './bench-rows.ts'
import { type Bench, median, perSecond, promptIds, repeated, round, run, runOne } from './bench-runs.ts'
import type { MeasuredAnswer } from './page/page-measure.ts'

/** Log-probabilities nearer than this, in nats, are a tie: batches are summed in another order, in part from values of 11 bits. */
const TIE = 0.05

/** Tokens of a prompt in a batch. */
const BATCH_PROMPT = 64

/** Answers of these prompts alone, to hold batches against. */
export async function answersAlone(bench: Bench, count: number): Promise<MeasuredAnswer[]> {
  const answers: MeasuredAnswer[] = []
  for (let i = 0; i < count; i++) {
    answers.push(await runOne(bench, { ids: promptIds(bench.shape, BATCH_PROMPT, i) }, bench.plan.outputTokens))
  }
  return answers
}

/** Sequences side by side: tokens a second of all together, while all are being written. */
export async function measureBatch(bench: Bench, sequences: number, alone: readonly MeasuredAnswer[]): Promise<BenchRow> {
  const { shape, plan } = bench
  const prompts = Array.from({ length: sequences }, (_, i) => ({ ids: promptIds(shape, BATCH_PROMPT, i) }))
  const batches = await repeated(bench, () => run(bench, prompts, plan.outputTokens))
  const answers = batches.at(-1) ?? []
  let same = 0
  let ties = 0
  for (const [i, { tokens }] of answers.entries()) {
    const expected = alone[i]?.tokens ?? []
    const at = tokens.findIndex((token, place) => token !== expected[place])
    if (at < 0 && tokens.length === expected.length) same++
    else if (at >= 0 && (await isTie(bench, [...(prompts[i]?.ids ?? []), ...expected.slice(0, at)], [tokens[at], expected[at]]))) ties++
  }
  return { row: 'batch', sequences, tokens_per_second: round(median(batches.map(batchSpeed))), same, ties }
}

/** Whether two tokens are equally likely after these ids, as far as can be told. */
async function isTie(bench: Bench, ids: number[], pair: readonly (number | undefined)[]): Promise<boolean> {
  const { logprobs } = await runOne(bench, { ids }, 1, { logprobs: 5 })
  const [a, b] = pair.map((token) => logprobs[0]?.[token ?? -1]?.logprob)
  return a !== undefined && b !== undefined && Math.abs(a - b) < TIE
}

function batchSpeed(answers: readonly MeasuredAnswer[]): number {
  const start = Math.max(...answers.map(({ arrivals }) => arrivals[0]?.[0] ?? 0))
  const end = Math.min(...answers.map(({ arrivals }) => arrivals.at(-1)?.[0] ?? 0))
  const countAt = ({ arrivals }: MeasuredAnswer, time: number): number => arrivals.findLast(([at]) => at <= time)?.[1] ?? 0
  const written = answers.reduce((sum, answer) => sum + countAt(answer, end) - countAt(answer, start), 0)
  return perSecond(written, end - start)
}
