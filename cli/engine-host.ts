import type { ModelInfo } from '../src/index.ts'
import type { AnswerSink, RoutedRequest } from './engine-page.ts'
import type { FileServer } from './file-server.ts'
import { engineGone, engineNotReady } from './named-errors.ts'

/** As much of a Session as a host needs. */
export interface HostedEngine {
  readonly info: ModelInfo
  readonly server: FileServer
  readonly gone: Promise<never>
  answer(request: RoutedRequest, sink: AnswerSink, signal?: AbortSignal): Promise<void>
  close(): Promise<void>
}

export interface HostOptions {
  /** Loads the model anew, in a browser of its own; the signal ends it. */
  open: (signal: AbortSignal) => Promise<HostedEngine>
  log: (line: string) => void
  /** The engine ends again and again. */
  onFailed: (error: Error) => void
}

const MOST_RESTARTS = 3
/** An engine that has lasted this long, in milliseconds, was not broken from the start. */
const STEADY = 60_000
/** How long a browser that has lost its page may take to end, in milliseconds. */
const CLOSE_PATIENCE = 5000

/**
 * Keeps one engine alive: when its page, browser or GPU ends, its requests fail with EngineGoneError, and it is loaded again, at most 3 times
 * before one has lasted a minute.
 */
export class EngineHost {
  readonly #options: HostOptions
  #engine: HostedEngine | undefined
  #readyAt = 0
  #loadTime = 0
  #restarts = 0
  readonly #ended = new AbortController()

  constructor(options: HostOptions) {
    this.#options = options
  }

  /** Loads the model for the first time. Errors: those of `open`. */
  async start(): Promise<ModelInfo> {
    return (await this.#open()).info
  }

  /** The engine that is ready now. Errors: EngineNotReadyError. */
  current(): HostedEngine {
    if (this.#engine) return this.#engine
    throw engineNotReady(this.#closed ? 'The server is shutting down.' : 'The model is being loaded.', Math.ceil(this.#loadTime / 1000))
  }

  /** Why an answer of an engine has failed, in words for its client. */
  explain(error: unknown): unknown {
    return this.#closed && (error as Error).name === 'EngineGoneError' ? shuttingDown() : error
  }

  async close(): Promise<void> {
    this.#ended.abort(shuttingDown())
    const engine = this.#engine
    this.#engine = undefined
    await engine?.close()
  }

  get #closed(): boolean {
    return this.#ended.signal.aborted
  }

  async #open(): Promise<HostedEngine> {
    const start = performance.now()
    const engine = await this.#options.open(this.#ended.signal)
    if (this.#closed) {
      await engine.close()
      throw shuttingDown()
    }
    this.#engine = engine
    this.#readyAt = performance.now()
    this.#loadTime = this.#readyAt - start
    engine.gone.catch((error: Error) => this.#onGone(engine, error))
    return engine
  }

  #onGone(engine: HostedEngine, error: Error): void {
    if (this.#closed || this.#engine !== engine) return
    this.#engine = undefined
    if (performance.now() - this.#readyAt > STEADY) this.#restarts = 0
    this.#options.log(`${error.message} Loading the model again.`)
    void this.#restart(engine, error)
  }

  async #restart(old: HostedEngine, reason: Error): Promise<void> {
    let last = reason
    await Promise.race([old.close(), new Promise((resolve) => setTimeout(resolve, CLOSE_PATIENCE).unref())])
    while (!this.#closed) {
      if (++this.#restarts > MOST_RESTARTS) {
        return this.#options.onFailed(
          new Error(`The engine has ended ${MOST_RESTARTS + 1} times in short order, last with: ${last.message}`),
        )
      }
      try {
        const { info } = await this.#open()
        return this.#options.log(`${info.model} is ready again.`)
      } catch (error) {
        last = error as Error
        if (!this.#closed) this.#options.log(`The model cannot be loaded: ${last.message}`)
      }
    }
  }
}

const shuttingDown = (): Error => engineGone('The server is shutting down.')
