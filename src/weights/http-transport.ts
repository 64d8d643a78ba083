import { messageOf, modelLoadError } from '../util/errors.ts'

/** How requests are made; tests replace its parts. */
export interface Transport {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  /** Ends everything this source does. */
  readonly signal: AbortSignal | undefined
  /** Sleeps between tries. */
  readonly wait: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>
  /** A server that sends nothing for so long is given up on and asked again. */
  readonly idleMilliseconds: number
  /** Tries beyond the first, at most. Default: as many as there are pauses, fewer for a server that has never answered. */
  readonly tries?: number | undefined
}

/** A problem that may be gone at the next try. */
export class TransientFailure extends Error {
  readonly waitMilliseconds: number
  constructor(message: string, waitMilliseconds = 0) {
    super(message)
    this.waitMilliseconds = waitMilliseconds
  }
}

/** Whether what failed may work at another time: nobody answered, or with 'later'. */
export const isUnreachable = (thrown: unknown): boolean => thrown instanceof Error && thrown.cause instanceof TransientFailure

/** Pauses before each further try. */
const PAUSES = [500, 1000, 2000, 4000, 8000]
/** Longest pause a server may ask for. */
const LONGEST_PAUSE = 60_000
/** So much received since the last failure makes the count of failures start again. */
const PROGRESS = 1 << 20

/** The tries of one piece of work. */
export interface Retries {
  /** Waits if another try may help, else throws. `state` says how far it came, for the message. */
  failed(problem: unknown, state?: string): Promise<void>
  received(bytes: number): void
}

/** Counts the failures of one piece of work on `file`. `tries`: further tries allowed, at most 5. */
export function startRetries(transport: Transport, file: string, signal: AbortSignal | undefined, tries = PAUSES.length): Retries {
  let failures = 0
  let progress = 0
  return {
    async failed(problem, state = '') {
      signal?.throwIfAborted()
      if (!(problem instanceof TransientFailure)) throw problem
      const pause = failures < tries ? PAUSES[failures] : undefined
      failures++
      if (pause === undefined) throw modelLoadError(`${file} could not be read in ${failures} tries${state}: ${problem.message}`, problem)
      progress = 0
      await transport.wait(Math.max(pause, problem.waitMilliseconds), signal)
    },
    received(bytes) {
      progress += bytes
      if (progress >= PROGRESS) failures = 0
    },
  }
}

/** An answer whose body is still to be read, and the means to end it. */
export interface Exchange {
  readonly response: Response
  /** The body's pieces. Throws TransientFailure when the connection breaks or stalls. */
  chunks(): AsyncGenerator<Uint8Array, void, undefined>
  /** Drops what is left of the body. */
  close(): void
}

/** One GET. Throws TransientFailure when there is no answer, or one that says "later". */
export async function get(
  transport: Transport,
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<Exchange> {
  const stop = new AbortController()
  const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const watch = stallWatch(transport.idleMilliseconds, stop)
  watch.start()
  let response: Response
  try {
    response = await transport.fetch(url, { headers, signal: both, credentials: 'same-origin', referrerPolicy: 'no-referrer' })
  } catch (error) {
    signal?.throwIfAborted()
    throw new TransientFailure(stop.signal.aborted ? messageOf(stop.signal.reason) : unreachable(url, error))
  } finally {
    watch.stop()
  }
  const close = () => stop.abort(new Error('closed'))
  const { status } = response
  if (status === 408 || status === 429 || status >= 500) {
    close()
    throw new TransientFailure(`the server answered ${status}${status === 429 ? ' (too many requests)' : ''}`, retryAfter(response))
  }
  return { response, close, chunks: () => bodyChunks(response, both, watch, signal) }
}

async function* bodyChunks(
  response: Response,
  both: AbortSignal,
  watch: ReturnType<typeof stallWatch>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body?.getReader()
  if (!reader) return
  // Cancelling ends a pending read, even one of a body that does not know of the signal.
  const cancel = () => void reader.cancel().catch(() => undefined)
  both.addEventListener('abort', cancel)
  try {
    for (;;) {
      watch.start()
      let next: Awaited<ReturnType<typeof reader.read>>
      try {
        next = await reader.read()
      } catch (error) {
        signal?.throwIfAborted()
        throw new TransientFailure(both.aborted ? messageOf(both.reason) : `the connection broke off (${messageOf(error)})`)
      } finally {
        watch.stop()
      }
      signal?.throwIfAborted()
      if (both.aborted) throw new TransientFailure(messageOf(both.reason))
      if (next.done) return
      if (next.value.length > 0) yield next.value
    }
  } finally {
    both.removeEventListener('abort', cancel)
    cancel()
  }
}

function stallWatch(milliseconds: number, stop: AbortController) {
  let timer: ReturnType<typeof setTimeout> | undefined
  return {
    start() {
      timer = setTimeout(() => stop.abort(new Error(`the server sent nothing for ${milliseconds / 1000} s`)), milliseconds)
    },
    stop() {
      clearTimeout(timer)
    },
  }
}

function unreachable(url: string, error: unknown): string {
  const detail = error instanceof Error && error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : messageOf(error)
  const { origin } = new URL(url)
  return `${origin} could not be reached (${detail}). Is it online? In a browser this also happens when the server does not allow other origins (CORS).`
}

function retryAfter(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? 0)
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds * 1000, 0), LONGEST_PAUSE) : 0
}

/** Sleeps, or rejects with the signal's reason. */
export function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, milliseconds)
    signal?.addEventListener('abort', stop, { once: true })
  })
}
