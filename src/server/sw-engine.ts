import type { ModelInfo, TokenizeOutput } from '../protocol/engine-api.ts'
import type { ServedEngine } from '../protocol/served-engine.ts'
import { deviceLostError, engineNotReadyError } from '../util/errors.ts'
import { type CallAnswer, type CallMessage, type EngineCall, type FindMessage, fromWire, type HostAnswer, hostLock } from './sw-messages.ts'
import type { ServiceWorkerScope, WindowClient } from './sw-scope.ts'

/** What finding an engine needs of its service worker. */
export interface EngineFinderOptions {
  scope: string
  clients: Pick<ServiceWorkerScope['clients'], 'matchAll'>
  locks: Pick<LockManager, 'request' | 'query'>
}

/** How long things may take, in milliseconds. */
const PATIENCE = {
  /** A page's answer to the question whether it hosts. */
  answer: 1000,
  /** Somebody who hosts: a tab that takes over needs a moment, and so does a page that has only just been opened. */
  host: 2000,
  /** The host's engine, while its model is being loaded. */
  loading: 20_000,
  /** Between two questions. */
  pause: 100,
}

const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

/**
 * Finds the engine of a scope through its pages, anew on every call: the service worker may have been started a moment ago, and the engine
 * may have moved to another tab. Rejects with EngineNotReadyError when nobody hosts one within 2 s, or the host has been loading its model for
 * another 20 s, and with the host's own error when that has given up.
 */
export function createEngineFinder(options: EngineFinderOptions): () => Promise<ServedEngine> {
  const watch = createLockWatch(options.locks)
  const reader = createReaderLock(options.locks)
  let finding: Promise<ServedEngine> | undefined
  const find = async (): Promise<ServedEngine> => {
    const { client, answer } = await findHost(options)
    return new HostedEngine(client, answer, options.scope, watch(answer.lock), await reader())
  }
  // Many requests at a time ask once.
  return () => (finding ??= find().finally(() => (finding = undefined)))
}

type Ready = Extract<HostAnswer, { state: 'ready' }>
interface Host<T extends HostAnswer = HostAnswer> {
  client: WindowClient
  answer: T
}

async function findHost({ scope, clients, locks }: EngineFinderOptions): Promise<Host<Ready>> {
  const started = performance.now()
  const waited = (): number => performance.now() - started
  let hosted = false
  do {
    const held = async (name: string): Promise<boolean> => ((await locks.query()).held ?? []).some((lock) => lock.name === name)
    hosted = await held(hostLock(scope))
    const host = hosted ? await askAll(await clients.matchAll({ type: 'window', includeUncontrolled: true }), scope) : undefined
    if (host?.answer.state === 'failed') throw Object.assign(fromWire(host.answer.error), { headers: { 'x-should-retry': 'false' } })
    // A worker that has just died is known by its lock before its page notices.
    if (host?.answer.state === 'ready' && (await held(host.answer.lock))) return host as Host<Ready>
    await wait(PATIENCE.pause)
  } while (waited() < (hosted ? PATIENCE.loading : PATIENCE.host))
  throw engineNotReadyError(
    hosted
      ? 'The model is still being loaded; try again in a few seconds.'
      : `No open page hosts a model for ${scope}; open one that calls registerOcellus, and keep it open.`,
  )
}

/** Asks every page whether it hosts; undefined when none has said so in time. */
function askAll(clients: readonly WindowClient[], scope: string): Promise<Host | undefined> {
  return new Promise((resolve) => {
    const channels = clients.map(() => new MessageChannel())
    const end = (host?: Host): void => {
      clearTimeout(timer)
      for (const { port1 } of channels) port1.close()
      resolve(host)
    }
    const timer = setTimeout(end, PATIENCE.answer)
    const message: FindMessage = { ocellus: 'find', scope }
    for (const [i, client] of clients.entries()) {
      const { port1, port2 } = channels[i]!
      port1.onmessage = ({ data }: MessageEvent<HostAnswer>) => end({ client, answer: data })
      client.postMessage(message, [port2])
    }
  })
}

/** An engine in the worker of a page. Its page passes calls on; a request's events come straight from the engine's worker. */
class HostedEngine implements ServedEngine {
  readonly info: ModelInfo
  readonly created: number
  readonly gone: AbortSignal
  readonly #client: WindowClient
  readonly #scope: string
  readonly #lock: string
  readonly #reader: string

  constructor(client: WindowClient, { info, created, lock }: Ready, scope: string, gone: AbortSignal, reader: string) {
    this.info = info
    this.created = created
    this.gone = gone
    this.#client = client
    this.#scope = scope
    this.#lock = lock
    this.#reader = reader
  }

  async submit(...[request, port]: Parameters<ServedEngine['submit']>): Promise<void> {
    await this.#call({ method: 'submit', request: { ...request, reader_lock: this.#reader } }, [port])
  }

  async tokenize(...[input]: Parameters<ServedEngine['tokenize']>): Promise<TokenizeOutput> {
    return (await this.#call({ method: 'tokenize', input })) as TokenizeOutput
  }

  async detokenize(ids: number[]): Promise<string> {
    return (await this.#call({ method: 'detokenize', ids })) as string
  }

  #call(call: EngineCall, ports: MessagePort[] = []): Promise<unknown> {
    const { port1, port2 } = new MessageChannel()
    const { gone } = this
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        gone.removeEventListener('abort', onGone)
        port1.close()
        settle()
      }
      const onGone = (): void => end(() => reject(gone.reason))
      if (gone.aborted) return onGone()
      gone.addEventListener('abort', onGone)
      port1.onmessage = ({ data }: MessageEvent<CallAnswer>) =>
        end(() => ('error' in data ? reject(fromWire(data.error)) : resolve(data.value)))
      const message: CallMessage = { ocellus: 'call', scope: this.#scope, lock: this.#lock, call }
      this.#client.postMessage(message, [port2, ...ports])
    })
  }
}

/** Gives, for a Web Lock that somebody else holds, a signal that is aborted when it becomes free: nothing else tells of a death. */
function createLockWatch(locks: EngineFinderOptions['locks']): (name: string) => AbortSignal {
  const watched = new Map<string, AbortController>()
  return (name) => {
    const known = watched.get(name)
    if (known) return known.signal
    const gone = new AbortController()
    watched.set(name, gone)
    void locks.request(name, () => {
      watched.delete(name)
      gone.abort(
        deviceLostError('The engine has ended while it was needed: its tab was closed, or its worker or the GPU failed. Try again.'),
      )
    })
    return gone.signal
  }
}

/**
 * Holds one Web Lock for as long as this run of the service worker lives, and gives its name. The engine ends the requests that name it when it
 * becomes free, because a service worker that is killed cannot say that nobody reads any more.
 */
function createReaderLock(locks: EngineFinderOptions['locks']): () => Promise<string> {
  let held: Promise<string> | undefined
  const hold = (): Promise<string> => {
    const name = `ocellus-reader-${crypto.randomUUID()}`
    return new Promise((resolve, reject) => {
      const request = locks.request(name, () => {
        resolve(name)
        return new Promise<never>(() => {})
      })
      request.catch(reject)
    })
  }
  return () => (held ??= hold())
}
