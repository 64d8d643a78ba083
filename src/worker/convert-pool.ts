import { type ConversionJob, convertHere, type RowConverter } from '../engine/row-converter.ts'
import { CONVERT_WORKER, type Conversion } from './convert-worker.ts'

/** Bytes of a checkpoint from which workers are worth their start. */
const LEAST_BYTES = 128 * 2 ** 20
/** Jobs of fewer bytes are done at once. */
const LEAST_JOB = 2 ** 18
/** More would wait for the one that reads and hands over. */
const MOST_WORKERS = 4

/** What the pool takes of the platform. */
export interface PoolEnvironment {
  readonly processors: number
  /** Starts a worker with this script as an engine's worker has, by another name. */
  readonly start: () => Worker
}

/** An engine's worker starts others of its own script. */
const here = (): PoolEnvironment => ({
  processors: navigator.hardwareConcurrency,
  start: () => new Worker(self.location.href, { type: 'module', name: CONVERT_WORKER }),
})

/**
 * Workers that convert weights; undefined for small checkpoints, on machines of few processors, and where no worker may be started.
 * Until the first of them has begun, jobs are done on this thread.
 */
export function convertPool(bytes: number, { processors, start }: PoolEnvironment = here()): RowConverter | undefined {
  const count = Math.min(MOST_WORKERS, Math.floor(processors / 2))
  if (bytes < LEAST_BYTES || count < 2) return undefined
  try {
    return new ConvertPool(Array.from({ length: count }, () => new Converter(start())))
  } catch {
    return undefined
  }
}

class ConvertPool implements RowConverter {
  readonly width: number
  readonly #converters: readonly Converter[]

  constructor(converters: readonly Converter[]) {
    this.#converters = converters
    // Each works on one job while another waits for it.
    this.width = converters.length + 1
  }

  convert(job: ConversionJob): ReturnType<RowConverter['convert']> {
    const [best] = this.#converters.filter(({ ready }) => ready).sort((a, b) => a.load - b.load)
    return !best || job.bytes.length < LEAST_JOB ? convertHere(job) : best.convert(job)
  }

  close(): void {
    for (const converter of this.#converters) converter.close()
  }
}

type Rows = ReturnType<typeof convertHere>

/** One worker and the jobs that it has. */
class Converter {
  ready = false
  readonly #worker: Worker
  readonly #jobs = new Map<number, { resolve: (rows: Rows) => void; reject: (error: Error) => void }>()
  #count = 0

  constructor(worker: Worker) {
    this.#worker = worker
    worker.onmessage = ({ data }: MessageEvent<Conversion>) => this.#accept(data)
    // A worker that does not start is not used; one that breaks down takes its jobs with it.
    worker.onerror = (event) => {
      event.preventDefault()
      this.ready = false
      for (const { reject } of this.#jobs.values()) reject(brokenDown(event.message))
      this.#jobs.clear()
    }
  }

  get load(): number {
    return this.#jobs.size
  }

  convert(job: ConversionJob): Promise<Rows> {
    return new Promise((resolve, reject) => {
      const id = this.#count++
      this.#jobs.set(id, { resolve, reject })
      this.#worker.postMessage({ id, job }, [job.bytes.buffer])
    })
  }

  close(): void {
    this.#worker.terminate()
  }

  #accept(data: Conversion): void {
    if (data.id === undefined) {
      this.ready = true
      return
    }
    const job = this.#jobs.get(data.id)
    this.#jobs.delete(data.id)
    if ('rows' in data) job?.resolve(data.rows)
    else job?.reject(Object.assign(new Error(data.error.message), { name: data.error.name }))
  }
}

const brokenDown = (message: string): Error =>
  Object.assign(new Error(`A worker that converts weights has ended (${message || 'no reason given'}); load the model again.`), {
    name: 'ModelLoadError',
  })
