import type { EngineRequest } from '../protocol/engine-api.ts'
import type { ReaderMessage, StreamEvent } from '../protocol/stream-events.ts'
import { type ErrorName, namedError } from '../util/errors.ts'
import { release } from './captured.ts'

/** A request ready to leave the page, with what of it is moved instead of copied. */
export interface PreparedRequest {
  request: EngineRequest
  transfer: Transferable[]
}

/** Reads and captures a request. The signal ends captures that take time, such as watching a camera. */
export type Prepare = (signal: AbortSignal) => Promise<PreparedRequest>

/** The way to the engine, as far as requests need it. */
export interface EngineLink {
  /** Resolves once the engine has accepted the request; its events come on the other end of `port`. */
  submit(prepared: PreparedRequest, port: MessagePort): Promise<void>
  /** Calls back when the engine goes away, and gives the way to stop waiting for that. */
  onClosed(listener: (reason: unknown) => void): () => void
}

/**
 * The events of one request, in order. Nothing happens before the first next(). return() (a `break` in a loop), the signal and the end of
 * the engine close it at once; the first of them reaches the engine as an abort.
 */
export class RequestEvents implements AsyncIterableIterator<StreamEvent, undefined> {
  readonly #link: EngineLink
  readonly #prepare: Prepare
  readonly #signal: AbortSignal | undefined
  readonly #queue: StreamEvent[] = []
  readonly #waiting: { resolve: (result: IteratorResult<StreamEvent, undefined>) => void; reject: (reason: unknown) => void }[] = []
  readonly #cleanups: (() => void)[] = []
  #port: MessagePort | undefined
  #state: 'new' | 'open' | 'closed' = 'new'
  #failure: { reason: unknown } | undefined

  constructor(link: EngineLink, prepare: Prepare, signal: AbortSignal | undefined) {
    this.#link = link
    this.#prepare = prepare
    this.#signal = signal
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<StreamEvent, undefined>> {
    if (this.#state === 'new') this.#open()
    const event = this.#queue.shift()
    if (event) return Promise.resolve({ done: false, value: event })
    if (this.#failure) {
      const { reason } = this.#failure
      this.#failure = undefined
      return Promise.reject(reason)
    }
    if (this.#state === 'closed') return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  return(): Promise<IteratorResult<StreamEvent, undefined>> {
    this.#queue.length = 0
    this.#abort()
    this.#close()
    this.#failure = undefined
    return Promise.resolve({ done: true, value: undefined })
  }

  #open(): void {
    this.#state = 'open'
    this.#cleanups.push(this.#link.onClosed((reason) => this.#fail(reason)))
    if (this.#state !== 'open') return
    if (this.#signal) {
      const signal = this.#signal
      const onAbort = (): void => {
        this.#abort()
        this.#fail(signal.reason)
      }
      if (signal.aborted) {
        onAbort()
        return
      }
      signal.addEventListener('abort', onAbort)
      this.#cleanups.push(() => signal.removeEventListener('abort', onAbort))
    }
    this.#submit().catch((error: unknown) => this.#fail(error))
  }

  async #submit(): Promise<void> {
    const ended = new AbortController()
    this.#cleanups.push(() => ended.abort())
    const prepared = await this.#prepare(ended.signal)
    if (this.#state !== 'open') return release(prepared.transfer)
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.#cleanups.push(() => port1.close())
    port1.onmessage = (message: MessageEvent<StreamEvent>) => this.#receive(message.data)
    await this.#link.submit(prepared, port2)
  }

  #receive(event: StreamEvent): void {
    if (this.#state !== 'open') return
    if (event.type === 'error') {
      const error = namedError(event.name as ErrorName, event.message)
      this.#fail(event.code === undefined ? error : Object.assign(error, { code: event.code }))
      return
    }
    const waiting = this.#waiting.shift()
    if (waiting) waiting.resolve({ done: false, value: event })
    else this.#queue.push(event)
    if (event.type === 'done') this.#close()
  }

  #abort(): void {
    const message: ReaderMessage = { type: 'abort' }
    this.#port?.postMessage(message)
  }

  #fail(reason: unknown): void {
    if (this.#state === 'closed') return
    const waiting = this.#waiting.shift()
    if (waiting) waiting.reject(reason)
    else this.#failure = { reason }
    this.#close()
  }

  #close(): void {
    this.#state = 'closed'
    for (const cleanup of this.#cleanups.splice(0)) cleanup()
    for (const waiting of this.#waiting.splice(0)) waiting.resolve({ done: true, value: undefined })
  }
}
