import { workerTime } from './bench-memory.ts'
import type { BenchRow } from './bench-rows.ts'
import { type Bench, median, perSecond, promptIds, repeated, round, runOne, sameTokens } from './bench-runs.ts'
import { bytesPerToken } from './bench-traffic.ts'
import { type BenchPrompt, type MeasuredAnswer, statsInPage } from './page/page-measure.ts'

/** Tokens a second between the first and the last arrival. Errors: they came together. */
function decodeSpeed({ arrivals, tokens }: MeasuredAnswer): number {
  const [start = 0, first = 0] = arrivals[0] ?? []
  const [end = 0] = arrivals.at(-1) ?? []
  return perSecond(tokens.length - first, end - start)
}

/** Decoding at a context: an answer that ends when so many tokens are in the cache. copy: 10⁹ bytes a second of copying, if that is known. */
export async function measureDecode(bench: Bench, context: number, copy?: number): Promise<BenchRow> {
  const { shape, plan, session } = bench
  const prompt = { ids: promptIds(shape, context - plan.outputTokens, context) }
  const answers = await repeated(bench, () => runOne(bench, prompt, plan.outputTokens))
  const speeds = answers.map(decodeSpeed)
  const perToken = bytesPerToken(shape.decoder, session.info, context - plan.outputTokens / 2)
  const bandwidth = (perToken * median(speeds)) / 1e9
  return {
    row: 'decode',
    context,
    tokens_per_second: round(median(speeds)),
    runs: speeds.map(round),
    bytes_per_token: Math.round(perToken),
    gigabytes_per_second: round(bandwidth),
    copy_share: copy ? Number((bandwidth / copy).toPrecision(3)) : null,
    same_tokens: sameTokens(answers),
  }
}

/** What a token costs on the CPU's side: the difference between a long answer and a short one. */
export async function measureStep(bench: Bench): Promise<BenchRow> {
  const { shape, plan, session } = bench
  const prompt = { ids: promptIds(shape, 32, 1) }
  const cost = async (tokens: number) => {
    const before = await session.call(statsInPage, undefined)
    const time = workerTime()
    const answer = await runOne(bench, prompt, tokens)
    const ran = workerTime()
    const after = await session.call(statsInPage, undefined)
    return { answer, before, after, nanoseconds: time === undefined || ran === undefined ? undefined : ran - time }
  }
  const [short, long] = [plan.outputTokens, 3 * plan.outputTokens]
  await cost(long)
  const less = await cost(short)
  const more = await cost(long)
  const perToken = (key: 'dispatches' | 'bind_groups' | 'queue_writes' | 'submits'): number =>
    round((more.after[key] - more.before[key] - (less.after[key] - less.before[key])) / (long - short))
  const time = more.nanoseconds === undefined || less.nanoseconds === undefined ? null : more.nanoseconds - less.nanoseconds
  return {
    row: 'step',
    dispatches: perToken('dispatches'),
    bind_groups: perToken('bind_groups'),
    queue_writes: perToken('queue_writes'),
    submits: perToken('submits'),
    cpu_us: time === null ? null : round(time / 1000 / (long - short)),
    // The prompt's share is small, and the difference would be smaller than what the clock of a page can tell.
    encode_us: round((1000 * (more.after.step_cpu_ms - more.before.step_cpu_ms)) / long),
    // The long answer begins as the short one.
    same_tokens: sameTokens([less.answer, { ...more.answer, tokens: more.answer.tokens.slice(0, short) }]),
  }
}

/** Reading a prompt of so many tokens, to the first token of its answer. */
export async function measurePrefill(bench: Bench, tokens: number): Promise<BenchRow> {
  const prompt = { ids: promptIds(bench.shape, tokens, tokens) }
  const answers = await repeated(bench, () => runOne(bench, prompt, 1))
  const speeds = answers.map(({ arrivals }) => (tokens * 1000) / (arrivals[0]?.[0] ?? 0))
  const same_tokens = sameTokens(answers)
  return { row: 'prefill', tokens, tokens_per_second: round(median(speeds)), runs: speeds.map(round), same_tokens }
}

/** Milliseconds of work before anything is timed: an idle GPU has lowered its clocks, and takes a quarter of a second to raise them. */
const WARM_UP = 300

/** Keeps the GPU busy until its clocks are up: reads prompts and answers them with a few tokens. */
export async function warmUp(bench: Bench): Promise<void> {
  const { shape, session } = bench
  const length = Math.min(256, session.info.max_model_len - 8)
  const end = performance.now() + WARM_UP
  for (let i = 0; i === 0 || performance.now() < end; i++) await runOne(bench, { ids: promptIds(shape, length, 100 + i) }, 8)
}

/** A picture or sound that was not seen before, to the first token of an answer. size: pixels of a side, or seconds. */
export async function measureMedia(bench: Bench, size: number): Promise<BenchRow> {
  const { shape, session, plan } = bench
  const promptOf = (seed: number): BenchPrompt => ({
    text: shape.mediaPrompt,
    media: shape.media === 'image' ? { kind: 'image', side: size, seed } : { kind: 'audio', seconds: size, seed },
  })
  const timed = async (seed: number) => {
    const before = await session.call(statsInPage, undefined)
    const answer = await runOne(bench, promptOf(seed), 4)
    const after = await session.call(statsInPage, undefined)
    return { answer, encode: after.media_encode_ms - before.media_encode_ms, encoded: after.media_encoded - before.media_encoded }
  }
  const taken = await repeated(bench, timed)
  if (taken.some(({ encoded }) => encoded !== 1)) throw new Error('the encoder ran for more or fewer than one item a run')
  // The last picture again: its embeddings are kept, its prompt is not.
  const again = await runOne(bench, promptOf(plan.runs), 4)
  const last = taken.at(-1)?.answer
  return {
    row: 'media',
    item: shape.media === 'image' ? `image ${size}×${size}` : `sound of ${size} s`,
    tokens: last?.promptTokens ?? 0,
    encode_ms: round(median(taken.map(({ encode }) => encode))),
    first_token_ms: round(median(taken.map(({ answer }) => answer.arrivals[0]?.[0] ?? 0))),
    again_first_token_ms: round(again.arrivals[0]?.[0] ?? 0),
    same_tokens: last !== undefined && sameTokens([last, again]),
  }
}

/** Log-probabilities of a few positions: all must be finite, and the chosen token the likeliest. */
export async function checkFinite(bench: Bench): Promise<BenchRow> {
  const { tokens, logprobs } = await runOne(bench, { ids: promptIds(bench.shape, 64, 7) }, 8, { logprobs: 5 })
  const good = logprobs.every((at, i) => {
    const entries = Object.values(at)
    return (
      entries.length >= 5 && entries.every(({ logprob }) => Number.isFinite(logprob) && logprob <= 0) && at[tokens[i] ?? -1]?.rank === 1
    )
  })
  return { row: 'finite', positions: logprobs.length, finite: good && logprobs.length === 8 }
}
