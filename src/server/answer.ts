import type { EngineRequest } from '../protocol/engine-api.ts'
import type { StreamEvent } from '../protocol/stream-events.ts'
import { abortError } from '../util/errors.ts'
import type { Call } from './call.ts'
import { errorAnswer, refusal } from './errors.ts'
import { type OpenRequest, openRequest } from './event-reader.ts'
import { EVENT_STREAM_HEADERS, EventStream } from './sse.ts'

/** Takes an event of the request number `at`. */
export type TakeEvent = (event: StreamEvent, at: number) => void

/** Runs requests to their end. They end together: by an error of one, by the call's signal, or by the time limit. */
export async function runWhole(call: Call, requests: readonly EngineRequest[], take: TakeEvent): Promise<void> {
  const { answerTimeout } = call.patience
  const ending = endingOf(call)
  const timer = setTimeout(() => {
    const less = requests.some(({ pooling }) => pooling)
      ? 'send fewer or shorter inputs at a time'
      : 'ask for fewer tokens with max_tokens, or for a stream with stream: true'
    ending.abort(refusal(`The answer was not complete after ${answerTimeout / 1000} s; ${less}.`, { code: 'timeout', status: 504 }))
  }, answerTimeout)
  try {
    await allEnded(openAll(call, requests, ending.signal, take))
  } catch (error) {
    ending.abort(error)
    throw error
  } finally {
    clearTimeout(timer)
    ending.done()
  }
}

/** What a streamed answer consists of. */
export interface StreamedAnswer {
  readonly requests: readonly EngineRequest[]
  /** The chunks that an event gives. */
  chunks(event: StreamEvent, at: number): Iterable<object>
  /** The chunks after the last event. */
  last(): Iterable<object>
}

/**
 * Answers with server-sent events. What the engine refuses at once is an error of the call; what fails later is an event in the stream, and
 * `[DONE]` follows it. While the reader lags behind, the engine is asked to wait; when it goes away, the requests end.
 */
export async function runStreamed(call: Call, { requests, chunks, last }: StreamedAnswer): Promise<Response> {
  const { acceptPatience, keepAlive } = call.patience
  const ending = endingOf(call)
  let runs: readonly OpenRequest[] = []
  const tell = (type: 'pause' | 'resume'): void => {
    for (const run of runs) run.tell(type)
  }
  const stream = new EventStream(keepAlive, {
    onFull: () => tell('pause'),
    onDrained: () => tell('resume'),
    onCancel: () => ending.abort(abortError()),
  })
  runs = openAll(call, requests, ending.signal, (event, at) => {
    for (const chunk of chunks(event, at)) stream.send(chunk)
  })
  allEnded(runs)
    .then(() => {
      for (const chunk of last()) stream.send(chunk)
      stream.end()
    })
    .catch((error) => {
      ending.abort(error)
      if (call.signal.aborted) return stream.fail(error)
      stream.send(errorAnswer(error, call.body).body)
      stream.end()
    })
    .finally(ending.done)
  let timer: ReturnType<typeof setTimeout> | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, acceptPatience)
  })
  await Promise.race([Promise.all(runs.map((run) => run.accepted)), patience]).finally(() => clearTimeout(timer))
  return new Response(stream.body, { headers: EVENT_STREAM_HEADERS })
}

interface Ending {
  readonly signal: AbortSignal
  abort(reason: unknown): void
  /** Stops following the call's signal. */
  done(): void
}

/** Ends with the call, or before it. */
function endingOf({ signal }: Call): Ending {
  const controller = new AbortController()
  const abort = (): void => controller.abort(signal.reason)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort)
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    done: () => signal.removeEventListener('abort', abort),
  }
}

const openAll = (call: Call, requests: readonly EngineRequest[], signal: AbortSignal, take: TakeEvent): OpenRequest[] =>
  requests.map((request, at) => openRequest(call.engine, request, signal, (event) => take(event, at)))

const allEnded = async (runs: readonly OpenRequest[]): Promise<void> => {
  await Promise.all(runs.map((run) => run.ended))
}
