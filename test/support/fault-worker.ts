/** What is wrong with the platform from the start. */
export type Fault =
  | { kind: 'none' }
  | { kind: 'no WebGPU' }
  | { kind: 'no adapter' }
  | { kind: 'no device' }
  | { kind: 'lost at once' }
  /** A kernel's source does not compile. */
  | { kind: 'broken kernel'; name: string }
  /** The buffer made as the `at`-th does not fit. */
  | { kind: 'out of memory'; at: number }

/** What goes wrong later. */
type LaterFault =
  | { kind: 'report' }
  | { kind: 'lose the device' }
  | { kind: 'fill the memory'; at: number }
  | { kind: 'use the device wrongly' }
  | { kind: 'reject' }
  | { kind: 'throw' }

export type FaultCommand = LaterFault & { id: number }

/** An engine worker on a platform that fails. Make an LLM with its `worker`. */
export class FaultWorker {
  readonly worker: Worker
  readonly #channel: BroadcastChannel
  #commands = 0

  constructor(fault: Fault = { kind: 'none' }) {
    const channel = `faults ${crypto.randomUUID()}`
    this.#channel = new BroadcastChannel(channel)
    this.worker = new Worker(new URL('./fault.worker.ts', import.meta.url), { type: 'module', name: JSON.stringify({ fault, channel }) })
  }

  /** Makes something go wrong; resolves when it has, with the rejections that nobody in the worker has handled so far. */
  cause(fault: LaterFault): Promise<string[]> {
    const id = ++this.#commands
    return new Promise((resolve) => {
      const listen = ({ data }: MessageEvent): void => {
        if (data.done !== id) return
        this.#channel.removeEventListener('message', listen)
        resolve(data.unhandled)
      }
      this.#channel.addEventListener('message', listen)
      this.#channel.postMessage({ ...fault, id })
    })
  }

  end(): void {
    this.worker.terminate()
    this.#channel.close()
  }
}
