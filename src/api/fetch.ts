import type { ServedEngine } from '../protocol/served-engine.ts'
import { createRouter } from '../server/router.ts'
import { followStream } from '../util/follow-stream.ts'
import { VERSION } from '../util/version.ts'
import { pageUrl } from './make-worker.ts'

/** As long as timers can wait: unlike a service worker's, these answers have no end set by the browser. */
const NO_TIMEOUT = 2 ** 31 - 1

/** The platform's fetch, answered by an engine. URLs may have any origin and any path before /v1/. `names`: what the model is called. */
export function createFetch(engine: ServedEngine, names: string | readonly string[] = []): typeof fetch {
  const route = createRouter({
    version: VERSION,
    models: typeof names === 'string' ? [names] : names,
    answerTimeout: NO_TIMEOUT,
    engine: async () => {
      engine.gone.throwIfAborted()
      return engine
    },
  })
  return async (input, init) => {
    const request = new Request(input instanceof Request ? input : new URL(input, pageUrl()), init)
    // The request's own signal follows this one only for as long as somebody holds the request.
    const signal = init?.signal ?? request.signal
    signal.throwIfAborted()
    const response = await unlessAborted(route(request), signal)
    return response.body ? new Response(followStream(response.body, { signal }), response) : response
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
