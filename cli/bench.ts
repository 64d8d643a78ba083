import { writeFileSync } from 'node:fs'
import type { EngineStats, ModelInfo } from '../src/index.ts'
import { median, round } from './bench-runs.ts'
import { benchShapeFlags, jsonToFile, type ShapeFlagValues, shapeFlags, shapeHelp } from './bench-shape-flags.ts'
import { type EngineFlagValues, engineFlags, engineHelp, engineOptions } from './engine-flags.ts'
import { kernelTable } from './kernel-table.ts'
import { type AnswerRun, benchAnswers, benchPrefill, benchSteady } from './page/page-bench.ts'
import { browserInPage, traceInPage } from './page/page-measure.ts'
import { EMBEDDED_MODEL, openSession, type Session } from './session.ts'
import { announce, clearBar, loadingBar, log, megabytes, red } from './terminal.ts'
import { parseFlags, UsageError, wholeNumber } from './usage.ts'

export const benchHelp = `ocellus bench [flags]

Measures a model on this machine: median of --runs runs after one that is not counted. Fails if greedy answers differ between runs.

      --prompt-tokens N          length of the prompt that measures prefill (default: 256, at most what the model takes)
      --output-tokens N          length of answers that measure decoding (default: 64)
      --runs N                   (default: 3)
      --json                     the figures as JSON
      --profile                  GPU time, bytes and bandwidth by kernel, where the adapter has timestamps; decoding is slower then
      --trace FILE               the same dispatch by dispatch, for chrome://tracing and Perfetto: the last 200 000 (see --only)

${shapeHelp}

${engineHelp}`

const flags = {
  ...engineFlags,
  ...shapeFlags,
  'prompt-tokens': { type: 'string' },
  'output-tokens': { type: 'string' },
  runs: { type: 'string' },
  json: { type: 'boolean' },
  profile: { type: 'boolean' },
  trace: { type: 'string' },
} as const

/** What bench prints with --json. Times in milliseconds, speeds in tokens a second. */
export interface BenchReport {
  /** When, in ISO 8601, what was typed, and the browser. */
  date: string
  command: string
  browser: string
  model: string
  model_type: string
  dtype: string
  quantization: string
  adapter: ModelInfo['adapter']
  load_ms: number
  first_token_ms: number
  first_token_picture_ms: number | null
  decode_tokens_per_second: number
  prefill_tokens_per_second: number
  prefill_tokens: number
  gpu_bytes: number
  gpu_bytes_peak: number
  /** Per token of steady decoding at batch 1. */
  per_token: Record<'dispatches' | 'bind_groups' | 'buffers' | 'queue_writes' | 'submits', number>
  queue_writes_per_submit: number
  /** Whether every run gave the same tokens. */
  same_output: boolean
  kernels?: EngineStats['kernels']
}

/** Runs the command and gives the exit status. Errors: UsageError, the library's by name. */
export async function bench(args: readonly string[], onSession: (session: Session) => void): Promise<number> {
  const { values, positionals } = parseFlags(jsonToFile(args), flags)
  if (values.help) {
    console.log(benchHelp)
    return 0
  }
  if (positionals.length > 0) throw new UsageError(`bench takes no '${positionals[0]}'; the model is named by --model.`)
  if (values.shape !== undefined) return benchShapeFlags(values as ShapeFlagValues, args, onSession)
  const model = values.model ?? EMBEDDED_MODEL
  for (const flag of ['reload', 'compare-features'] as const) {
    if (values[flag]) throw new UsageError(`--${flag} is for full-size shapes; name one with --shape.`)
  }
  // What is kept of the model is neither used nor touched.
  const profile = values.profile || values.trace !== undefined
  const engine = { ...engineOptions(values as EngineFlagValues), cache: false as const, ...(profile && { profile }) }
  const asked = wholeNumber('prompt-tokens', values['prompt-tokens'], 16) ?? 256
  const outputTokens = wholeNumber('output-tokens', values['output-tokens'], 8) ?? 64
  const runs = wholeNumber('runs', values.runs, 1) ?? 3
  const session = await openSession({ model, engine, chromium: values.chromium, headed: values.headed, onProgress: loadingBar(model), log })
  onSession(session)
  clearBar()
  announce(session.info)
  const promptTokens = Math.min(asked, session.info.max_model_len - 1)
  const run = {
    date: new Date().toISOString(),
    command: ['ocellus bench', ...args].join(' '),
    browser: await session.call(browserInPage, undefined),
  }
  const report = makeReport(run, session, await measure(session, { runs, outputTokens, promptTokens }))
  if (values.trace !== undefined) writeFileSync(values.trace, await session.call(traceInPage, undefined))
  if (values['json-file'] !== undefined) writeFileSync(values['json-file'], `${JSON.stringify(report)}\n`)
  console.log(values.json ? JSON.stringify(report, null, 2) : table(report))
  if (report.same_output) return 0
  log(red('Greedy answers differ between runs: the engine is not deterministic here.'))
  return 1
}

interface Figures {
  text: AnswerRun[]
  picture: AnswerRun[] | undefined
  prefillPerSecond: number[]
  prefillTokens: number
  steady: [from: EngineStats, to: EngineStats, end: EngineStats]
}

/** Milliseconds of work before anything is timed: an idle GPU has lowered its clocks, and takes a quarter of a second to raise them. */
const WARM_UP = 300

/** The first run of each kind compiles and warms up; it is not counted. */
async function measure(session: Session, plan: { runs: number; outputTokens: number; promptTokens: number }): Promise<Figures> {
  for (let end = performance.now() + WARM_UP; performance.now() < end; ) {
    await session.call(benchAnswers, { ...plan, runs: 1, picture: false })
  }
  const more = { ...plan, runs: plan.runs + 1 }
  const text = await session.call(benchAnswers, { ...more, picture: false })
  const picture = await session.call(benchAnswers, { ...more, picture: true })
  const prefill = await session.call(benchPrefill, more)
  const steady = await session.call(benchSteady, plan)
  const prefillTokens = plan.promptTokens
  return { text: text?.slice(1) ?? [], picture: picture?.slice(1), prefillPerSecond: prefill.slice(1), prefillTokens, steady }
}

function makeReport(
  run: Pick<BenchReport, 'date' | 'command' | 'browser'>,
  { info, loadTime }: Session,
  { text, picture, prefillPerSecond, prefillTokens, steady }: Figures,
): BenchReport {
  const [from, to, stats] = steady
  const delta = (key: 'dispatches' | 'bind_groups' | 'buffers' | 'queue_writes' | 'submits' | 'generated_tokens'): number =>
    to[key] - from[key]
  const perToken = (key: Parameters<typeof delta>[0]): number => round(delta(key) / Math.max(1, delta('generated_tokens')))
  return {
    ...run,
    model: info.model,
    model_type: info.model_type,
    dtype: info.dtype,
    quantization: info.quantization,
    adapter: info.adapter,
    load_ms: round(loadTime),
    first_token_ms: round(median(text.map(({ first }) => first))),
    first_token_picture_ms: picture ? round(median(picture.map(({ first }) => first))) : null,
    decode_tokens_per_second: round(median(text.map(({ decodePerSecond }) => decodePerSecond))),
    prefill_tokens_per_second: round(median(prefillPerSecond)),
    prefill_tokens: prefillTokens,
    gpu_bytes: stats.gpu_bytes,
    gpu_bytes_peak: stats.gpu_bytes_peak,
    per_token: {
      dispatches: perToken('dispatches'),
      bind_groups: perToken('bind_groups'),
      buffers: perToken('buffers'),
      queue_writes: perToken('queue_writes'),
      submits: perToken('submits'),
    },
    queue_writes_per_submit: round(delta('queue_writes') / Math.max(1, delta('submits'))),
    same_output: same(text) && same(picture ?? []),
    ...(stats.kernels && { kernels: stats.kernels }),
  }
}

const same = (runs: readonly AnswerRun[]): boolean => runs.every(({ tokens }) => tokens.join() === runs[0]?.tokens.join())

function table(report: BenchReport): string {
  const { adapter, per_token: each } = report
  const rows: [string, string][] = [
    [
      'model',
      `${report.model} (${report.model_type}, ${report.dtype}, weights ${report.quantization === 'none' ? report.dtype : report.quantization})`,
    ],
    ['adapter', `${adapter.description || `${adapter.vendor} ${adapter.architecture}`}${adapter.software ? ' (software)' : ''}`],
    ['load', `${report.load_ms.toFixed(0)} ms`],
    ['first token, text', `${report.first_token_ms.toFixed(0)} ms`],
    ['first token, one picture', report.first_token_picture_ms === null ? '–' : `${report.first_token_picture_ms.toFixed(0)} ms`],
    ['decode', `${report.decode_tokens_per_second.toFixed(1)} tokens/s`],
    ['prefill', `${report.prefill_tokens_per_second.toFixed(1)} tokens/s (${report.prefill_tokens} tokens)`],
    ['GPU memory', `${megabytes(report.gpu_bytes)}, at most ${megabytes(report.gpu_bytes_peak)}`],
    [
      'per token',
      `${each.dispatches} dispatches, ${each.bind_groups} bind groups, ${each.buffers} buffers, ${each.queue_writes} queue writes, ${each.submits} submits`,
    ],
    ['queue writes per submit', String(report.queue_writes_per_submit)],
    ['same answer in every run', report.same_output ? 'yes' : 'NO'],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`)
  return [...lines, ...(report.kernels ? ['', kernelTable(report.kernels)] : [])].join('\n')
}
