import type { ReaderMessage, StreamEvent } from '../protocol/stream-events.ts'
import { invalidRequestError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'
import type { RequestHandle } from './engine-core.ts'

/** As much of navigator.locks as waiting takes. */
export type Locks = Pick<LockManager, 'request'>

/**
 * Whoever reads a request's events, from the engine's side: the port they go to, the messages that come back on it, and the Web Lock that
 * is held for as long as somebody reads. One per request; nothing of it is left once end() has been called.
 */
export class Reader {
  readonly #port: MessagePort
  readonly #gone = new AbortController()
  readonly #ended = new AbortController()
  #handle: RequestHandle | undefined
  #paused = false

  /** lock: its name; without one only the port tells. Errors: InvalidRequestError for a name that is no string. */
  constructor(port: MessagePort, lock: unknown, locks: Locks | undefined = globalThis.navigator?.locks) {
    if (lock !== undefined && typeof lock !== 'string')
      throw invalidRequestError(`reader_lock must be a lock's name, got ${showValue(lock)}.`)
    this.#port = port
    port.onmessage = ({ data }: MessageEvent<ReaderMessage>) => this.#receive(data?.type)
    if (lock !== undefined && locks) this.#watch(locks, lock)
  }

  /** Aborted when the request was given up before it was attached. */
  get signal(): AbortSignal {
    return this.#gone.signal
  }

  /** Hands over the request, once there is one. */
  attach(handle: RequestHandle): void {
    this.#handle = handle
    if (this.#gone.signal.aborted) handle.abort()
    else if (this.#paused) handle.pause()
  }

  post(event: StreamEvent): void {
    this.#port.postMessage(event)
    if (event.type === 'done' || event.type === 'error') this.end()
  }

  /** The request is given up, whether or not it has begun. */
  abort(): void {
    this.#gone.abort()
    this.#handle?.abort()
  }

  /** Nothing more will be said. */
  end(): void {
    this.#ended.abort()
    this.#port.close()
  }

  #receive(type: unknown): void {
    if (type === 'abort') this.abort()
    if (type !== 'pause' && type !== 'resume') return
    this.#paused = type === 'pause'
    this.#handle?.[type]()
  }

  /** The lock is only ever ours when its holder has let go of it. */
  #watch(locks: Locks, name: string): void {
    const { signal } = this.#ended
    const waited = locks.request(name, { signal }, () => {
      if (!signal.aborted) this.abort()
    })
    // Waiting ends with an AbortError when the request does.
    Promise.resolve(waited).catch(() => undefined)
  }
}
