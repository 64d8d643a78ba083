import type { EngineRequest } from '../protocol/engine-api.ts'
import type { ServedEngine } from '../protocol/served-engine.ts'
import type { ReaderMessage, StreamEvent } from '../protocol/stream-events.ts'
import { type ErrorName, namedError } from '../util/errors.ts'

/** A request that the engine has been given. */
export interface OpenRequest {
  /** Resolves once the engine has accepted it; rejects with its refusal, or with what ended it before that. */
  readonly accepted: Promise<void>
  /** Resolves after its last event; rejects with what ended it. */
  readonly ended: Promise<void>
  /** Tells the engine to wait, or to go on. */
  tell(type: ReaderMessage['type']): void
}

/**
 * Hands a request to the engine and its events to `onEvent`. The signal ends it on both sides, with its reason; so does an error thrown
 * by onEvent. The end of the engine is an error with the code engine_gone.
 */
export function openRequest(
  engine: ServedEngine,
  request: EngineRequest,
  signal: AbortSignal,
  onEvent: (event: StreamEvent) => void,
): OpenRequest {
  const { port1: port, port2: enginePort } = new MessageChannel()
  const tell = (type: ReaderMessage['type']): void => port.postMessage({ type } satisfies ReaderMessage)
  const listening = new AbortController()
  let accept!: (submitted: Promise<void>) => void
  const submitted = new Promise<void>((resolve) => {
    accept = resolve
  })
  const ended = new Promise<void>((resolve, reject) => {
    const close = (): void => {
      listening.abort()
      port.close()
    }
    const fail = (reason: unknown): void => {
      if (listening.signal.aborted) return
      tell('abort')
      close()
      reject(reason)
    }
    const onGone = (): void => fail(engineGone(engine))
    const onAbort = (): void => fail(signal.reason)
    port.onmessage = ({ data: event }: MessageEvent<StreamEvent>) => {
      if (listening.signal.aborted) return
      if (event.type === 'error') return fail(engine.gone.aborted ? engineGone(engine) : errorOf(event))
      try {
        onEvent(event)
      } catch (error) {
        return fail(error)
      }
      if (event.type !== 'done') return
      close()
      resolve()
    }
    engine.gone.addEventListener('abort', onGone, { signal: listening.signal })
    signal.addEventListener('abort', onAbort, { signal: listening.signal })
    if (engine.gone.aborted) onGone()
    else if (signal.aborted) onAbort()
    else {
      const submission = engine.submit(request, enginePort)
      accept(submission)
      submission.catch((error) => fail(engine.gone.aborted ? engineGone(engine) : error))
    }
  })
  const accepted = Promise.race([ended, submitted])
  // Whoever waits for neither is told by the other.
  accepted.catch(() => {})
  ended.catch(() => {})
  return { accepted, ended, tell }
}

/** The error of an engine that is no more. */
export function engineGone({ gone }: ServedEngine): Error {
  const { name, message } = (gone.reason ?? {}) as Partial<Error>
  const error = namedError(name === 'DeviceLostError' ? name : 'AbortError', message || 'The engine has ended.')
  return Object.assign(error, { code: 'engine_gone' })
}

function errorOf({ name, message, code }: Extract<StreamEvent, { type: 'error' }>): Error {
  const error = namedError(name as ErrorName, message)
  return code === undefined ? error : Object.assign(error, { code })
}
