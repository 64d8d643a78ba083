import { type CallAnswer, type CallMessage, type FindMessage, type HostAnswer, toWire } from '../server/sw-messages.ts'
import { deviceLostError, messageOf } from '../util/errors.ts'
import { LLM, type LLMOptions } from './llm.ts'

/** Where an endpoint's model comes from: options for LLM.create, or a function that gives an LLM, called again if that one is lost. */
export type EngineSource = Omit<LLMOptions, 'worker' | 'signal'> | (() => LLM | Promise<LLM>)

/** Lost engines that are replaced within a minute; after that something is wrong that a new one does not cure. */
const MAX_RESTARTS = 3
const RESTART_WINDOW = 60_000

/** How long a host that has ended still says so to those who found it just before, in milliseconds. */
const FAREWELL = 10_000

/** Makes the engine of a scope in this page, answers the service worker's questions about it, and makes a new one when it is lost. */
export class EngineHost {
  readonly #scope: string
  readonly #source: EngineSource
  /** Locks of the engines that were hosted here; calls for others are for another endpoint of this page. */
  readonly #locks = new Set<string>()
  #state: HostAnswer | undefined
  #llm: LLM | undefined

  constructor(scope: string, source: EngineSource) {
    this.#scope = scope
    this.#source = source
  }

  /** The model, while it is loaded here. */
  get llm(): LLM | undefined {
    return this.#llm
  }

  /**
   * Hosts until the signal, or until the LLM is disposed of on purpose. Rejects when the first engine cannot be made. An LLM that was made from
   * options is disposed of at the end; one that a function gave stays its owner's.
   */
  async run(signal: AbortSignal): Promise<void> {
    navigator.serviceWorker.addEventListener('message', this.#onMessage)
    navigator.serviceWorker.startMessages()
    try {
      await this.#serve(signal)
    } finally {
      const llm = this.#llm
      this.#llm = undefined
      this.#state = undefined
      setTimeout(() => navigator.serviceWorker.removeEventListener('message', this.#onMessage), FAREWELL)
      if (llm && typeof this.#source !== 'function') await llm.dispose()
    }
  }

  async #serve(signal: AbortSignal): Promise<void> {
    let restarts: number[] = []
    for (let first = true; ; first = false) {
      this.#state = { state: 'loading' }
      const lost = await this.#serveOne(signal).catch((error: unknown) => {
        if (first || signal.aborted) throw error
        return error as Error
      })
      this.#llm = undefined
      if (!lost || signal.aborted) return
      const now = performance.now()
      restarts = restarts.filter((time) => now - time < RESTART_WINDOW)
      if (restarts.length === MAX_RESTARTS) {
        const error = deviceLostError(`The engine failed ${MAX_RESTARTS + 1} times in a minute, the last time so: ${messageOf(lost)}`)
        this.#state = { state: 'failed', error: toWire(error) }
        return aborted(signal)
      }
      restarts.push(now)
    }
  }

  /** Makes one engine and waits for its end; gives the reason if that came by itself. */
  async #serveOne(signal: AbortSignal): Promise<Error | undefined> {
    const source = this.#source
    // A function knows nothing of the signal, and may take for ever.
    const llm = await (typeof source === 'function' ? Promise.race([source(), rejection(signal)]) : LLM.create({ ...source, signal }))
    const { info, created, lock, gone } = llm.served
    this.#llm = llm
    this.#locks.add(lock)
    this.#state = { state: 'ready', info, created, lock }
    await Promise.race([aborted(gone), aborted(signal)])
    const reason = gone.reason as Error | undefined
    return reason?.name === 'DeviceLostError' ? reason : undefined
  }

  readonly #onMessage = ({ data, ports }: MessageEvent<FindMessage | CallMessage>): void => {
    const [reply, events] = ports
    if (data?.scope !== this.#scope || !reply) return
    if (data.ocellus === 'find') {
      if (this.#state) reply.postMessage(this.#state)
    } else if (this.#locks.has(data.lock)) {
      void this.#answer(data, reply, events)
    }
  }

  async #answer({ lock, call }: CallMessage, reply: MessagePort, events: MessagePort | undefined): Promise<void> {
    let answer: CallAnswer
    try {
      const served = this.#llm?.served
      if (served?.lock !== lock) throw deviceLostError('The engine that was asked for is no longer hosted here. Try again.')
      const value = await (call.method === 'submit'
        ? served.submit(call.request, events as MessagePort)
        : call.method === 'tokenize'
          ? served.tokenize(call.input)
          : served.detokenize(call.ids))
      answer = { value }
    } catch (error) {
      answer = { error: toWire(error) }
    }
    reply.postMessage(answer)
    reply.close()
  }
}

const rejection = (signal: AbortSignal): Promise<never> => aborted(signal).then(() => Promise.reject(signal.reason))

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
