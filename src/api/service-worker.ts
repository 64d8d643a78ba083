import type { WorkerMessage } from '../server/sw-messages.ts'
import { messageOf, serviceWorkerUnavailableError } from '../util/errors.ts'

/** How long a service worker may take to take a page over that it does not control yet, in milliseconds. */
const PATIENCE = 10_000

const instead = 'Without a service worker, give `fetch: llm.fetch` to the client in its place.'

/**
 * Registers a service worker and waits until it is active and sees this page's requests. Errors: ServiceWorkerUnavailableError, saying what
 * to do, where there are none, the script cannot be registered, or the page is not in its scope; the signal's reason.
 */
export async function startServiceWorker(script: URL, scope: URL, signal: AbortSignal): Promise<ServiceWorkerRegistration> {
  checkAvailable()
  if (!location.href.startsWith(scope.href)) {
    throw serviceWorkerUnavailableError(
      `This page (${location.href}) is outside the scope ${scope.href}, so the service worker would not see its requests. Choose a scope that holds the page.`,
    )
  }
  const registration = await register(script, scope)
  signal.throwIfAborted()
  await activation(registration, script, signal)
  await control(registration, signal)
  return registration
}

function checkAvailable(): void {
  if (!isSecureContext) {
    throw serviceWorkerUnavailableError(`Service workers need https or localhost, and this page is at ${location.origin}. ${instead}`)
  }
  if (!navigator.serviceWorker) {
    throw serviceWorkerUnavailableError(`This browser has no service workers here (private windows of Firefox have none). ${instead}`)
  }
}

async function register(script: URL, scope: URL): Promise<ServiceWorkerRegistration> {
  try {
    return await navigator.serviceWorker.register(script, { scope: scope.href, updateViaCache: 'none' })
  } catch (error) {
    throw serviceWorkerUnavailableError(
      `The service worker ${script.href} could not be registered for ${scope.href}. ${await adviceFor(script, scope, error)} ${instead}`,
      error,
    )
  }
}

/** What is wrong with a script that the browser refuses; the browser itself says it only vaguely. */
async function adviceFor(script: URL, scope: URL, error: unknown): Promise<string> {
  if (script.origin !== location.origin) return `It must have the page's own origin, ${location.origin}.`
  try {
    const response = await fetch(script, { cache: 'no-store' })
    const type = response.headers.get('content-type') ?? 'no content type'
    await response.body?.cancel()
    if (!response.ok) return `The server answers ${response.status}: copy ocellus/dist/service-worker.js to that place.`
    if (!/javascript/.test(type))
      return `It is served as ${type}: a copy of ocellus/dist/service-worker.js is needed there, as text/javascript.`
    if (!scope.href.startsWith(new URL('.', script).href) && !response.headers.has('service-worker-allowed')) {
      return `Its scope may not reach above its own folder: move the file up, or send it with the header Service-Worker-Allowed: ${scope.pathname}.`
    }
  } catch {
    return 'It cannot be fetched.'
  }
  return `The browser says: ${messageOf(error)}`
}

/** Resolves once the registration has an active service worker. */
async function activation(registration: ServiceWorkerRegistration, script: URL, signal: AbortSignal): Promise<void> {
  while (registration.active?.state !== 'activated') {
    const worker = registration.active ?? registration.waiting ?? registration.installing
    if (!worker || worker.state === 'redundant') {
      throw serviceWorkerUnavailableError(`The service worker ${script.href} could not be installed. See the browser's console. ${instead}`)
    }
    await eventOf(worker, 'statechange', signal)
  }
}

/** After a hard reload a page has no service worker until that claims it. */
async function control(registration: ServiceWorkerRegistration, signal: AbortSignal): Promise<void> {
  const { serviceWorker } = navigator
  const late = AbortSignal.timeout(PATIENCE)
  const either = AbortSignal.any([signal, late])
  try {
    while (!serviceWorker.controller || serviceWorker.controller !== registration.active) {
      const changed = eventOf(serviceWorker, 'controllerchange', either)
      registration.active?.postMessage({ ocellus: 'claim' } satisfies WorkerMessage)
      await changed
    }
  } catch (error) {
    if (signal.aborted || !late.aborted) throw error
    const other = serviceWorker.controller?.scriptURL
    throw serviceWorkerUnavailableError(
      `The service worker of ${registration.scope} does not get control of this page${other ? `, which ${other} controls` : ''}. ` +
        `Register it for the scope of the page's own service worker, or reload the page. ${instead}`,
    )
  }
}

/** Resolves with the next such event; rejects with the signal's reason. */
function eventOf(target: EventTarget, name: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const end = (): void => {
      target.removeEventListener(name, end)
      signal.removeEventListener('abort', end)
      if (signal.aborted) reject(signal.reason)
      else resolve()
    }
    target.addEventListener(name, end)
    signal.addEventListener('abort', end)
  })
}
