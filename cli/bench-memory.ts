import { readdirSync, readFileSync } from 'node:fs'
import type { Page } from 'playwright'

/** Most memory that a page's engine has had. */
export interface MemoryPeak {
  /** JavaScript heap and array buffers of the engine's worker, sampled. Bytes; null where the browser does not tell. */
  worker_bytes: number | null
  /** Resident memory of the process that runs page and worker. Bytes; null where the system does not tell (it does on Linux). */
  process_bytes: number | null
}

/** How often the worker's memory is looked at, in milliseconds. */
const PERIOD = 100

/** What Chromium tells of a heap, in bytes. */
interface HeapUsage {
  usedSize?: number
  backingStorageSize?: number
}

/** Looks at the memory of a page's workers until it is stopped. */
export class MemoryWatch {
  #worker: number | null = null
  #timer: NodeJS.Timeout | undefined

  /** Begins before the engine's worker is made. */
  async start(page: Page): Promise<void> {
    try {
      await this.#watch(page)
    } catch {
      // A browser that has no such commands: its worker's memory stays unknown.
    }
  }

  async #watch(page: Page): Promise<void> {
    const devtools = await page.context().newCDPSession(page)
    const workers = new Set<string>()
    devtools.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
      if (targetInfo.type === 'worker') workers.add(sessionId)
    })
    devtools.on('Target.receivedMessageFromTarget', ({ message }) => {
      const { usedSize = 0, backingStorageSize = 0 } = (JSON.parse(message) as { result?: HeapUsage }).result ?? {}
      this.#worker = Math.max(this.#worker ?? 0, usedSize + backingStorageSize)
    })
    await devtools.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false })
    const message = JSON.stringify({ id: 1, method: 'Runtime.getHeapUsage' })
    this.#timer = setInterval(() => {
      for (const sessionId of workers) devtools.send('Target.sendMessageToTarget', { sessionId, message }).catch(() => {})
    }, PERIOD)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  peak(): MemoryPeak {
    const peaks = descendants('renderer').map(peakOf)
    return { worker_bytes: this.#worker, process_bytes: peaks.length > 0 ? Math.max(...peaks) || null : null }
  }
}

/** Nanoseconds that the engines' workers of our Chromium have run on a processor; undefined where the system does not tell. */
export function workerTime(): number | undefined {
  let sum: number | undefined
  for (const pid of descendants('renderer')) {
    for (const thread of list(`/proc/${pid}/task`)) {
      const at = `/proc/${pid}/task/${thread}`
      if (!read(`${at}/comm`).startsWith('DedicatedWorker')) continue
      const [ran = ''] = read(`${at}/schedstat`).split(' ')
      if (Number(ran) > 0) sum = (sum ?? 0) + Number(ran)
    }
  }
  return sum
}

/** Processes of this type among those that come from this one. */
function descendants(type: string): number[] {
  const parents = new Map<number, number>()
  for (const name of list('/proc')) {
    const parent = /\) \S (\d+)/.exec(read(`/proc/${name}/stat`))?.[1]
    if (parent !== undefined) parents.set(Number(name), Number(parent))
  }
  const isOurs = (pid: number | undefined): boolean => pid !== undefined && (pid === process.pid || isOurs(parents.get(pid)))
  return [...parents.keys()].filter((pid) => read(`/proc/${pid}/cmdline`).includes(`--type=${type}`) && isOurs(parents.get(pid)))
}

const peakOf = (pid: number): number => 1024 * Number(/VmHWM:\s*(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0)

const list = (folder: string): string[] => attempt(() => readdirSync(folder).filter((name) => /^\d+$/.test(name))) ?? []

const read = (path: string): string => attempt(() => readFileSync(path, 'utf8')) ?? ''

/** Processes end while they are looked at, and not every system has these files. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
