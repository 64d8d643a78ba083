import type { Gpu } from './device.ts'
import type { Program } from './program.ts'

/** GPU time by kernel name since the profiler was made. */
export type KernelTimes = ReadonlyMap<string, { calls: number; milliseconds: number }>

/**
 * Times every dispatch of a program by giving each a pass of its own between two timestamps. Slower than a plain run (a pass costs
 * about a microsecond and dispatches cannot overlap), so shares matter more than sums.
 */
export interface Profiler {
  readonly times: KernelTimes
  /** Encodes the program in place of `program.encode`. */
  encode(program: Program, encoder: GPUCommandEncoder): void
  /** Reads what was encoded since the last call, after its submit. */
  collect(): Promise<void>
  destroy(): void
}

/** Timestamps in one query set, WebGPU's maximum: two per dispatch. */
const CAPACITY = 4096

interface Batch {
  readonly names: readonly string[]
  readonly staging: GPUBuffer
}

/** Errors: the device lacks timestamp-query. */
export function createProfiler(gpu: Gpu): Profiler {
  if (!gpu.timestamps) throw new Error('profiling needs the timestamp-query feature, which this adapter or browser does not offer')
  const querySet = gpu.device.createQuerySet({ type: 'timestamp', count: CAPACITY })
  const resolved = gpu.createBuffer(CAPACITY * 8, GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC, 'timestamps')
  const times = new Map<string, { calls: number; milliseconds: number }>()
  let pending: Batch[] = []

  const encodePart = (program: Program, encoder: GPUCommandEncoder, from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      const at = (i - from) * 2
      const pass = encoder.beginComputePass({ timestampWrites: { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 } })
      program.encodeOne(pass, i)
      pass.end()
    }
    const bytes = (to - from) * 16
    const staging = gpu.createBuffer(bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST, 'timestamp readback')
    encoder.resolveQuerySet(querySet, 0, (to - from) * 2, resolved, 0)
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, bytes)
    pending.push({ names: program.names.slice(from, to), staging })
  }

  const add = (batch: Batch): void => {
    const ticks = new BigUint64Array(batch.staging.getMappedRange())
    batch.names.forEach((name, i) => {
      const entry = times.get(name) ?? { calls: 0, milliseconds: 0 }
      entry.calls++
      entry.milliseconds += Number((ticks[i * 2 + 1] ?? 0n) - (ticks[i * 2] ?? 0n)) / 1e6
      times.set(name, entry)
    })
    gpu.destroyBuffer(batch.staging)
  }

  return {
    times,
    encode(program, encoder) {
      const perPart = CAPACITY / 2
      for (let from = 0; from < program.dispatchCount; from += perPart) {
        encodePart(program, encoder, from, Math.min(from + perPart, program.dispatchCount))
      }
    },
    async collect() {
      const batches = pending
      pending = []
      for (const batch of batches) {
        await batch.staging.mapAsync(GPUMapMode.READ)
        add(batch)
      }
    },
    destroy() {
      querySet.destroy()
      gpu.destroyBuffer(resolved)
    },
  }
}
