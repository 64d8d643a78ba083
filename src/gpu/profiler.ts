import { modelLoadError } from '../util/errors.ts'
import type { Gpu } from './device.ts'
import type { Program } from './program.ts'
import { type Span, type SubmittedRun, type TraceEvent, traceEvents } from './trace.ts'
import { bytesMoved, type CacheUse } from './traffic.ts'

/** What a kernel has taken: dispatches, GPU time, and bytes moved as traffic.ts counts them. */
export interface KernelTime {
  readonly calls: number
  readonly milliseconds: number
  readonly bytes: number
}

/** GPU time by kernel name since the profiler was made. */
export type KernelTimes = ReadonlyMap<string, KernelTime>

/** What is being encoded: its name in traces, and how much of the cache it uses (default: none). */
export interface ProfiledRun {
  readonly label: string
  readonly cache?: CacheUse
}

/**
 * Times every dispatch of a program by giving each a pass of its own between two timestamps. Slower than a plain run (a pass costs
 * about a microsecond and dispatches cannot overlap), so shares matter more than sums.
 */
export interface Profiler {
  readonly times: KernelTimes
  /** Encodes the program in place of `program.encode`. */
  encode(program: Program, encoder: GPUCommandEncoder, run: ProfiledRun): void
  /** Keeps what the CPU did for the trace: its own work, or its wait for the GPU. */
  note(track: 'cpu' | 'wait', span: Span): void
  /** Reads what was encoded since the last call, after its submit. */
  collect(): Promise<void>
  /** The last TRACED dispatches, and what the CPU did meanwhile. */
  trace(): TraceEvent[]
  destroy(): void
}

/** Timestamps in one query set, WebGPU's maximum: two per dispatch. */
const CAPACITY = 4096

/** Dispatches kept for the trace; older ones go. */
const TRACED = 200_000

interface Batch {
  readonly label: string
  readonly names: readonly string[]
  readonly bytes: readonly number[]
  readonly encoded: number
  readonly staging: GPUBuffer
}

/** Errors: ModelLoadError where the device lacks timestamp-query. */
export function createProfiler(gpu: Gpu): Profiler {
  if (gpu.timestamps) return new DispatchProfiler(gpu)
  throw modelLoadError(
    'profile needs the timestamp-query feature, which this adapter or browser does not offer; load without profile, or try another browser.',
  )
}

class DispatchProfiler implements Profiler {
  readonly times = new Map<string, KernelTime>()
  readonly #gpu: Gpu
  readonly #querySet: GPUQuerySet
  readonly #resolved: GPUBuffer
  readonly #history = new TraceHistory()
  #pending: Batch[] = []

  constructor(gpu: Gpu) {
    this.#gpu = gpu
    this.#querySet = gpu.device.createQuerySet({ type: 'timestamp', count: CAPACITY })
    this.#resolved = gpu.createBuffer(CAPACITY * 8, GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC, 'timestamps')
  }

  encode(program: Program, encoder: GPUCommandEncoder, run: ProfiledRun): void {
    const perPart = CAPACITY / 2
    for (let from = 0; from < program.dispatchCount; from += perPart) {
      this.#encodePart(program, encoder, run, from, Math.min(from + perPart, program.dispatchCount))
    }
  }

  note(track: 'cpu' | 'wait', span: Span): void {
    this.#history.note(track, span)
  }

  async collect(): Promise<void> {
    const batches = this.#pending
    this.#pending = []
    for (const batch of batches) {
      await batch.staging.mapAsync(GPUMapMode.READ)
      this.#add(batch)
    }
  }

  trace(): TraceEvent[] {
    return this.#history.trace()
  }

  destroy(): void {
    this.#querySet.destroy()
    this.#gpu.destroyBuffer(this.#resolved)
  }

  #encodePart(program: Program, encoder: GPUCommandEncoder, { label, cache }: ProfiledRun, from: number, to: number): void {
    const querySet = this.#querySet
    for (let i = from; i < to; i++) {
      const at = (i - from) * 2
      const pass = encoder.beginComputePass({ timestampWrites: { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 } })
      program.encodeOne(pass, i)
      pass.end()
    }
    const size = (to - from) * 16
    const staging = this.#gpu.createBuffer(size, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST, 'timestamp readback')
    encoder.resolveQuerySet(querySet, 0, (to - from) * 2, this.#resolved, 0)
    encoder.copyBufferToBuffer(this.#resolved, 0, staging, 0, size)
    const bytes = program.traffic.slice(from, to).map((each) => bytesMoved(each, cache ?? { read: 0, written: 0 }))
    this.#pending.push({ label, names: program.names.slice(from, to), bytes, encoded: performance.now(), staging })
  }

  #add({ label, names, bytes, encoded, staging }: Batch): void {
    const ticks = new BigUint64Array(staging.getMappedRange())
    const dispatches = names.map((name, i) => {
      const start = Number(ticks[i * 2] ?? 0n) / 1e6
      // Clocks that are put right in between would make it less.
      const end = Math.max(start, Number(ticks[i * 2 + 1] ?? 0n) / 1e6)
      const moved = bytes[i] ?? 0
      const { calls, milliseconds, bytes: sum } = this.times.get(name) ?? { calls: 0, milliseconds: 0, bytes: 0 }
      this.times.set(name, { calls: calls + 1, milliseconds: milliseconds + end - start, bytes: sum + moved })
      return { name, start, end, bytes: moved }
    })
    this.#history.add({ label, submitted: encoded, dispatches })
    this.#gpu.destroyBuffer(staging)
  }
}

/** The newest runs, and what the CPU did since the oldest of them. */
class TraceHistory {
  #runs: SubmittedRun[] = []
  #cpu: (Span & { readonly track: 'cpu' | 'wait' })[] = []
  #dispatches = 0

  add(run: SubmittedRun): void {
    this.#runs.push(run)
    this.#dispatches += run.dispatches.length
    let dropped = 0
    while (this.#dispatches > TRACED) this.#dispatches -= this.#runs[dropped++]?.dispatches.length ?? 0
    if (dropped === 0) return
    this.#runs = this.#runs.slice(dropped)
    const since = this.#runs[0]?.submitted ?? 0
    this.#cpu = this.#cpu.filter(({ end }) => end >= since)
  }

  note(track: 'cpu' | 'wait', span: Span): void {
    this.#cpu.push({ track, ...span })
  }

  trace(): TraceEvent[] {
    return traceEvents(this.#runs, this.#cpu)
  }
}
