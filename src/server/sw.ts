import { VERSION } from '../util/version.ts'
import { createRouter } from './router.ts'
import { OpenAnswers } from './sw-answers.ts'
import { createEngineFinder } from './sw-engine.ts'
import type { WorkerMessage, WorkerStatus } from './sw-messages.ts'
import { isRouted } from './sw-routes.ts'
import type { RequestEvent, ServiceWorkerScope, WorkerMessageEvent } from './sw-scope.ts'

// The service worker: answers OpenAI's routes under its scope from the engine of one of the pages there. The browser may end it at any
// time and start it again for the next request, so nothing here must outlive a request.

/** Milliseconds between two looks at whether the page that asked is still there. */
const CLIENT_WATCH = 1000

const worker = globalThis as unknown as ServiceWorkerScope
const { scope } = worker.registration

const engine = createEngineFinder({ scope, clients: worker.clients, locks: navigator.locks })
const route = createRouter({ engine, version: VERSION })
const answers = new OpenAnswers(letSuccessorIn)

worker.addEventListener('install', () => {
  // A version before this one says when it has no answers under way; the first version has nobody to wait for.
  post(worker.registration.active, { ocellus: 'successor' })
})

worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()))

worker.addEventListener('message', (event) => event.waitUntil(obey(event)))

worker.addEventListener('fetch', (event) => {
  if (isRouted(event.request, scope)) event.respondWith(answers.follow(answer(event)))
})

/**
 * Answers a request, and gives it up when its page is closed. Before there are headers nothing else tells of that; after them the body is
 * cancelled.
 */
async function answer({ request, clientId }: RequestEvent): Promise<Response> {
  const closed = new AbortController()
  let seen = false
  const look = async (): Promise<void> => {
    const found = (await worker.clients.get(clientId)) !== undefined
    if (seen && !found) closed.abort()
    seen ||= found
  }
  // Some who ask are never seen, such as a worker that a worker has started.
  void look()
  const watch = setInterval(look, CLIENT_WATCH)
  try {
    return await route(new Request(request, { signal: AbortSignal.any([request.signal, closed.signal]) }))
  } finally {
    clearInterval(watch)
  }
}

async function obey({ data, ports }: WorkerMessageEvent): Promise<void> {
  const { ocellus } = (data ?? {}) as Partial<WorkerMessage>
  if (ocellus === 'claim') await worker.clients.claim()
  if (ocellus === 'take-over') await worker.skipWaiting()
  if (ocellus === 'successor' && answers.count === 0) letSuccessorIn()
  if (ocellus === 'status') ports[0]?.postMessage({ started: performance.timeOrigin, open: answers.count } satisfies WorkerStatus)
}

/** A new version would end the answers of the old one. */
function letSuccessorIn(): void {
  const { waiting, installing } = worker.registration
  post(waiting ?? installing, { ocellus: 'take-over' })
}

function post(to: ServiceWorker | null, message: WorkerMessage): void {
  to?.postMessage(message)
}
