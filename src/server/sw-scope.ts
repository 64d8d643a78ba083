/** A window as a service worker sees it. */
export interface WindowClient {
  postMessage(message: unknown, transfer: Transferable[]): void
}

/** An event that keeps the service worker alive for as long as its work takes. */
export interface LastingEvent extends Event {
  waitUntil(work: Promise<unknown>): void
}

/** A request of a page in the scope. */
export interface RequestEvent extends LastingEvent {
  readonly request: Request
  /** Who asks. */
  readonly clientId: string
  respondWith(response: Promise<Response>): void
}

/** A message to the service worker. */
export interface WorkerMessageEvent extends LastingEvent {
  readonly data: unknown
  readonly ports: readonly MessagePort[]
}

interface ScopeEvents {
  install: LastingEvent
  activate: LastingEvent
  fetch: RequestEvent
  message: WorkerMessageEvent
}

/** The global object of a service worker, as far as it is used here; TypeScript's page types do not have it. */
export interface ServiceWorkerScope {
  readonly registration: ServiceWorkerRegistration
  readonly clients: {
    claim(): Promise<void>
    get(id: string): Promise<WindowClient | undefined>
    matchAll(options: { type: 'window'; includeUncontrolled: true }): Promise<readonly WindowClient[]>
  }
  skipWaiting(): Promise<void>
  addEventListener<T extends keyof ScopeEvents>(type: T, listener: (event: ScopeEvents[T]) => void): void
}
