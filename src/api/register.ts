import { hostLock } from '../server/sw-messages.ts'
import { abortError, engineNotReadyError, invalidRequestError } from '../util/errors.ts'
import { joinElection } from './election.ts'
import { EngineHost, type EngineSource } from './engine-host.ts'
import type { LLM } from './llm.ts'
import { pageUrl } from './make-worker.ts'
import { startServiceWorker } from './service-worker.ts'

/** What registerOcellus needs. */
export interface OcellusOptions {
  /** Where a copy of `ocellus/service-worker` lies, on this origin; relative to the page. */
  url: string | URL
  /** Under which path the endpoint lies: with '/app/' it is /app/v1. Relative to the page; default: the folder of `url`. */
  scope?: string | URL
  /** The model: options for LLM.create, or a function that gives an LLM. Used by the tab that hosts; called again if its engine is lost. */
  engine: EngineSource
  /** Ends the waiting for the model. */
  signal?: AbortSignal
}

/** An OpenAI endpoint in the page. One tab of the scope hosts the model for all; when it is closed, the next one does. */
export interface OcellusEndpoint {
  /** For clients: the scope and 'v1', without a '/' at its end. */
  readonly baseURL: string
  readonly registration: ServiceWorkerRegistration
  /** Whether this tab hosts the model at the moment. */
  readonly hosting: boolean
  /** The model, while it is loaded in this tab. */
  readonly llm: LLM | undefined
  /** Takes no further part; another tab takes over. Disposes of the LLM if it was made from options. */
  close(): Promise<void>
  /** Closes the endpoint and removes the service worker, for all tabs. False if it was removed already. */
  unregister(): Promise<boolean>
}

/**
 * Registers the service worker that answers OpenAI's routes under its scope, joins the tabs that share one model, and resolves once GET
 * {scope}v1/models has answered with it: in a tab that does not host, as soon as the host is ready. Errors: ServiceWorkerUnavailableError
 * (there are none here, or the script cannot be registered; what to do is said), those of LLM.create, DeviceLostError (the host has given up
 * after its engine failed four times in a minute), the signal's reason.
 */
export async function registerOcellus(options: OcellusOptions): Promise<OcellusEndpoint> {
  const { url, engine, signal } = options ?? {}
  if (!url || !engine) {
    throw invalidRequestError("registerOcellus needs { url, engine }: the service worker's URL, and options for LLM.create or a function.")
  }
  signal?.throwIfAborted()
  const script = new URL(url, pageUrl())
  const scope = withSlash(options.scope === undefined ? new URL('.', script) : new URL(options.scope, pageUrl()))
  const closing = new AbortController()
  const registration = await startServiceWorker(script, scope, signal ?? closing.signal)
  const host = new EngineHost(registration.scope, engine)
  let hosting = false
  const serve = async (): Promise<void> => {
    hosting = true
    await host.run(closing.signal).finally(() => (hosting = false))
  }
  const membership = joinElection(hostLock(registration.scope), serve, closing.signal)
  const close = async (): Promise<void> => {
    closing.abort(abortError('The endpoint was closed.'))
    await membership.catch(() => {})
  }
  const baseURL = `${registration.scope}v1`
  try {
    await answering(baseURL, membership, signal)
  } catch (error) {
    await close()
    throw error
  }
  return {
    baseURL,
    registration,
    get hosting() {
      return hosting
    },
    get llm() {
      return host.llm
    },
    close,
    async unregister() {
      await close()
      return registration.unregister()
    },
  }
}

function withSlash(scope: URL): URL {
  if (!scope.pathname.endsWith('/')) scope.pathname += '/'
  scope.search = ''
  scope.hash = ''
  return scope
}

/** Milliseconds between two looks at whether the model is there. */
const PAUSE = 250

/** Resolves once the models are listed; rejects when this tab fails as the host, or the host of another tab has given up. */
async function answering(baseURL: string, membership: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  const stop = new AbortController()
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const left = membership.then(() => {
    throw abortError('The LLM was disposed of before its endpoint was ready.')
  })
  try {
    await Promise.race([left, poll(baseURL, either)])
  } finally {
    stop.abort()
    left.catch(() => {})
  }
}

async function poll(baseURL: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const response = await fetch(`${baseURL}/models`, { cache: 'no-store', signal }).catch((error: unknown) => {
      // A service worker that is ended just now fails the request; the next one starts it again.
      if (signal.aborted) throw error
      return undefined
    })
    const body: unknown = await response?.json().catch(() => undefined)
    const { data, error } = (body ?? {}) as { data?: unknown; error?: { message?: string } }
    if (response?.ok && Array.isArray(data) && data.length > 0) return
    if (response?.headers.get('x-should-retry') === 'false') {
      throw engineNotReadyError(`The tab that hosts the model cannot: ${error?.message ?? response.statusText}`)
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
    signal.throwIfAborted()
  }
}
