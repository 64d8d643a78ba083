import type { LLMOptions } from '../src/index.ts'
import { answersAlone, measureBatch } from './bench-batch.ts'
import { checkFinite, measureDecode, measureMedia, measurePrefill, measureStep } from './bench-measures.ts'
import { MemoryWatch } from './bench-memory.ts'
import { type BenchRow, isGood, type RowSink } from './bench-rows.ts'
import type { Bench, BenchPlan } from './bench-runs.ts'
import type { BrowserOptions } from './browser.ts'
import { copyBandwidthInPage, statsInPage } from './page/page-measure.ts'
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
  /** Loads the model a second time, from what the first has left in the browser's storage. */
  readonly reload?: boolean
  readonly onRow: RowSink
  readonly onSession?: (session: Session) => void
}

/** Bytes of a buffer that is copied to measure bandwidth: more than any cache holds. */
const COPY_BYTES = 256 * 2 ** 20
/** A software adapter copies as the CPU does, and shares its memory. */
const SOFTWARE_COPY_BYTES = 32 * 2 ** 20

/**
 * Loads a model of this shape with random weights by the same way as any repository, and measures it part by part; rows are given as they
 * come. A part that fails is a row too, and the others go on. Gives whether every check held. Errors: those of loading, by name.
 */
export async function benchShape(options: ShapeBenchOptions): Promise<boolean> {
  const { onRow, reload } = options
  const start = performance.now()
  let ok = true
  const emit: RowSink = (row) => {
    ok &&= isGood(row)
    clearBar()
    onRow(row)
  }
  const loaded = (work: Parameters<typeof withSession>[1]): Promise<void> =>
    withSession(options, work).catch((error: Error) => {
      emit({ row: 'failed', part: 'session', error: `${error.name}: ${error.message}` })
      throw error
    })
  await loaded(async (session, memory) => {
    emit(await loadRow('load', session))
    await measureParts(options, session, emit)
    const { gpu_bytes, gpu_bytes_peak, kernels } = await session.call(statsInPage, undefined)
    emit({ row: 'memory', gpu_bytes, gpu_bytes_peak, ...memory.peak() })
    if (kernels) emit({ row: 'kernels', kernels })
  })
  if (reload) {
    await loaded(async (session, memory) => {
      emit(await loadRow('reload', session))
      const { gpu_bytes, gpu_bytes_peak } = await session.call(statsInPage, undefined)
      emit({ row: 'memory', gpu_bytes, gpu_bytes_peak, ...memory.peak() })
    })
  }
  emit({ row: 'end', ok, seconds: Math.round((performance.now() - start) / 1000) })
  return ok
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
  for (const [part, work] of measures({ session, shape, plan })) if (parts.includes(part)) await attempt(part, emit, work)
}

function engineOptions({ engine, plan, shape, reload = false }: ShapeBenchOptions): ShapeBenchOptions['engine'] {
  const longest = Math.max(...plan.contexts, ...plan.prefill.map((tokens) => tokens + 1), 4096)
  // Weights that are made up again in no time are not worth a place on the disk, unless that is what is measured. Their address is a new one.
  const kept = { cache: reload ? ('weights' as const) : false }
  const max_model_len = Math.min(longest, shape.decoder.maxPositions)
  return { ...kept, quantization: 'q4', max_model_len, max_num_seqs: Math.max(16, ...plan.batches), ...engine }
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
  return [
    ['copy', () => measureCopy(session)],
    ['finite', () => checkFinite(bench)],
    ...within(plan.contexts, room).map(
      (context) => ['decode', () => measureDecode(bench, context)] as [BenchPart, () => Promise<BenchRow>],
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

async function measureCopy({ call, info }: Pick<Session, 'call' | 'info'>): Promise<BenchRow> {
  const bytes = await call(copyBandwidthInPage, { bytes: info.adapter.software ? SOFTWARE_COPY_BYTES : COPY_BYTES })
  return { row: 'copy', gigabytes_per_second: Math.round(bytes / 1e7) / 100 }
}

/** A failure ends its part only, unless the engine is gone. */
async function attempt(part: BenchPart, emit: RowSink, work: () => Promise<BenchRow>): Promise<void> {
  try {
    emit(await work())
  } catch (error) {
    const { name, message } = error as Error
    emit({ row: 'failed', part, error: `${name}: ${message}` })
    if (name === 'EngineGoneError' || name === 'DeviceLostError') throw error
  }
}
