import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import type { LLMOptions, ModelInfo } from '../src/index.ts'
import { answersAlone, measureBatch } from './bench-batch.ts'
import { checkFinite, measureDecode, measureMedia, measurePrefill, measureStep, warmUp } from './bench-measures.ts'
import { MemoryWatch } from './bench-memory.ts'
import { type BenchRow, isGood, type RowSink } from './bench-rows.ts'
import { type Bench, type BenchPlan, round } from './bench-runs.ts'
import type { BrowserOptions } from './browser.ts'
import { kernelsBetween } from './kernel-table.ts'
import { COPY_CODE, copySpeedInPage } from './page/page-copy.ts'
import { browserInPage, statsInPage, traceInPage } from './page/page-measure.ts'
import { passingProfile } from './profile.ts'
import { openSession, type Session } from './session.ts'
import type { ModelShape } from './shapes/shape.ts'
import { syntheticModel } from './synthetic-model.ts'
import { clearBar, loadingBar } from './terminal.ts'

/** Parts that can be measured by themselves. */
export const BENCH_PARTS = ['copy', 'finite', 'decode', 'step', 'prefill', 'media', 'batch'] as const
export type BenchPart = (typeof BENCH_PARTS)[number]

/** What the user asked for. */
export interface ShapeBenchOptions extends BrowserOptions {
  readonly shape: ModelShape
  readonly plan: BenchPlan
  readonly parts: readonly BenchPart[]
  readonly engine: Omit<LLMOptions, 'model' | 'signal' | 'worker' | 'onProgress'>
  /** What the user typed, for the record. */
  readonly command: string
  /** Loads the model a second time, from what the first has left in the browser's storage. Nothing of that stays. */
  readonly reload?: boolean
  /** A file for the trace of a model that is loaded with `profile`. */
  readonly trace?: string | undefined
  readonly onRow: RowSink
  readonly onSession?: (session: Session) => void
}

/** Bytes of a buffer that is copied to measure bandwidth: more than any cache holds. */
const COPY_BYTES = 256 * 2 ** 20
/** A software adapter copies as the CPU does, and shares its memory. */
const SOFTWARE_COPY_BYTES = 32 * 2 ** 20

/** How a shape's measurement ended. */
export interface ShapeBenchResult {
  /** Whether every check held. */
  readonly ok: boolean
  readonly adapter: ModelInfo['adapter'] | undefined
}

/**
 * Loads a model of this shape with random weights by the same way as any repository, and measures it part by part; rows are given as they
 * come. A part that fails is a row too, and the others go on. Errors: those of loading, by name.
 */
export async function benchShape(options: ShapeBenchOptions): Promise<ShapeBenchResult> {
  const { onRow, reload } = options
  const start = performance.now()
  let ok = true
  let adapter: ModelInfo['adapter'] | undefined
  const emit: RowSink = (row) => {
    ok &&= isGood(row)
    clearBar()
    onRow(row)
  }
  // What is kept for the second load lies in a profile of its own, which goes with it.
  const kept = reload ? passingProfile() : undefined
  const loaded = (work: Parameters<typeof withSession>[1]): Promise<void> =>
    withSession({ ...options, ...(kept && { profile: { folder: kept.folder, release: () => {} } }) }, work).catch((error: Error) => {
      emit({ row: 'failed', part: 'session', error: `${error.name}: ${error.message}` })
      throw error
    })
  try {
    await loaded(async (session, memory) => {
      adapter = session.info.adapter
      emit(await runRow(options, session))
      emit(await loadRow('load', session))
      await measureParts(options, session, emit)
      await memoryRow(session, memory, emit)
      if (options.trace !== undefined) writeFileSync(options.trace, await session.call(traceInPage, undefined))
    })
    if (reload) {
      await loaded(async (session, memory) => {
        emit(await loadRow('reload', session))
        await memoryRow(session, memory, emit)
      })
    }
  } finally {
    kept?.release()
  }
  emit({ row: 'end', ok, seconds: Math.round((performance.now() - start) / 1000) })
  return { ok, adapter }
}

/** Loads the model, and ends its browser however `work` ends. */
async function withSession(options: ShapeBenchOptions, work: (session: Session, memory: MemoryWatch) => Promise<void>): Promise<void> {
  const { shape, onSession } = options
  const memory = new MemoryWatch()
  const session = await openSession({
    ...options,
    engine: engineOptions(options),
    model: shape.name,
    files: syntheticModel(shape),
    onProgress: loadingBar(shape.name),
    onPage: (page) => memory.start(page),
  })
  onSession?.(session)
  try {
    await work(session, memory)
  } finally {
    memory.stop()
    await session.close()
  }
}

async function measureParts({ shape, plan, parts }: ShapeBenchOptions, session: Session, emit: RowSink): Promise<void> {
  const bench: Bench = { session, shape, plan }
  for (const [part, work] of measures(bench)) {
    if (!parts.includes(part)) continue
    await attempt(part, emit, async () => {
      // Copying warms itself up.
      if (part !== 'copy') await warmUp(bench)
      const before = await session.call(statsInPage, undefined)
      const row = await work()
      emit(row)
      const kernels = kernelsBetween(before, await session.call(statsInPage, undefined))
      if (kernels && Object.keys(kernels).length > 0) emit({ row: 'kernels', of: nameOf(row), kernels })
    })
  }
}

/** A row's part, and which of its kind it is. */
function nameOf(row: BenchRow): string {
  if (row.row === 'decode') return `decode ${row.context}`
  if (row.row === 'prefill') return `prefill ${row.tokens}`
  if (row.row === 'batch') return `batch ${row.sequences}`
  return row.row === 'media' ? row.item : row.row
}

function engineOptions({ engine, plan, shape, reload = false }: ShapeBenchOptions): ShapeBenchOptions['engine'] {
  const longest = Math.max(...plan.contexts, ...plan.prefill.map((tokens) => tokens + 1), 4096)
  // Only what is measured reads or writes what is kept. The address of made weights is a new one in every run.
  const kept = { cache: reload ? ('weights' as const) : false }
  const max_model_len = Math.min(longest, shape.decoder.maxPositions)
  return { ...kept, quantization: 'q4', max_model_len, max_num_seqs: Math.max(16, ...plan.batches), ...engine }
}

async function runRow({ command }: ShapeBenchOptions, session: Session): Promise<BenchRow> {
  const browser = await session.call(browserInPage, undefined)
  const processors = cpus()
  const machine = `${processors.length} × ${processors[0]?.model ?? 'unknown processors'}, ${process.platform}`
  return { row: 'run', date: new Date().toISOString(), command, browser, machine }
}

async function memoryRow({ call }: Session, memory: MemoryWatch, emit: RowSink): Promise<void> {
  const { gpu_bytes, gpu_bytes_peak } = await call(statsInPage, undefined)
  emit({ row: 'memory', gpu_bytes, gpu_bytes_peak, ...memory.peak() })
}

async function loadRow(row: 'load' | 'reload', { info, loadTime, call }: Session): Promise<BenchRow> {
  const { load, gpu_bytes } = await call(statsInPage, undefined)
  const { adapter, dtype, quantization, max_model_len } = info
  const whole = Object.fromEntries(Object.entries(load).map(([key, value]) => [key, Math.round(value)])) as typeof load
  return { row, adapter, dtype, quantization, max_model_len, load_ms: Math.round(loadTime), ...whole, gpu_bytes }
}

/** Every measurement, the most wanted first: a run may be cut short. */
function measures(bench: Bench): [BenchPart, () => Promise<BenchRow>][] {
  const { session, shape, plan } = bench
  const room = session.info.max_model_len
  // Contexts that the model cannot hold become the longest that it can.
  const within = (lengths: readonly number[], most: number): number[] => [...new Set(lengths.map((length) => Math.min(length, most)))]
  const alone = answersAlone.bind(undefined, bench, Math.max(...plan.batches))
  let expected: ReturnType<typeof answersAlone> | undefined
  let copy: number | undefined
  const copying = async (): Promise<BenchRow> => {
    const row = await measureCopy(session)
    copy = row.gigabytes_per_second
    return row
  }
  return [
    ['copy', copying],
    ['finite', () => checkFinite(bench)],
    ...within(plan.contexts, room).map(
      (context) => ['decode', () => measureDecode(bench, context, copy)] as [BenchPart, () => Promise<BenchRow>],
    ),
    ['step', () => measureStep(bench)],
    ...within(plan.prefill, room - 1).map(
      (tokens) => ['prefill', () => measurePrefill(bench, tokens)] as [BenchPart, () => Promise<BenchRow>],
    ),
    ...(shape.media === 'image' ? plan.sides : plan.seconds).map(
      (size) => ['media', () => measureMedia(bench, size)] as [BenchPart, () => Promise<BenchRow>],
    ),
    ...plan.batches.map(
      (count) => ['batch', async () => measureBatch(bench, count, await (expected ??= alone()))] as [BenchPart, () => Promise<BenchRow>],
    ),
  ]
}

async function measureCopy({ call, info }: Pick<Session, 'call' | 'info'>): Promise<BenchRow & { row: 'copy' }> {
  const bytes = info.adapter.software ? SOFTWARE_COPY_BYTES : COPY_BYTES
  const { kernel, command } = await call(copySpeedInPage, { bytes, code: COPY_CODE })
  const [by_kernel, by_command] = [round(kernel / 1e9), round(command / 1e9)]
  return { row: 'copy', gigabytes_per_second: Math.max(by_kernel, by_command), by_kernel, by_command }
}

/** A failure ends its part only, unless the engine is gone. */
async function attempt(part: BenchPart, emit: RowSink, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const { name, message } = error as Error
    emit({ row: 'failed', part, error: `${name}: ${message}` })
    if (name === 'EngineGoneError' || name === 'DeviceLostError') throw error
  }
}
