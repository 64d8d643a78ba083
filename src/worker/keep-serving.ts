import type { Engine } from '../engine/engine.ts'

/** What a worker does about errors that nobody caught. */
export interface Uncaught {
  /** Ends open requests with this error. */
  failOpen(error: Error): void
  /** Ends the engine and the worker. */
  close(error: Error): void
}

/** So many uncaught errors within a minute, and the worker is taken to be broken. */
const TOO_MANY = 3
const MINUTE = 60_000

/**
 * Gives what to call with every uncaught error. Which request it belonged to cannot be told, so the open ones end with it and the next
 * ones are served; the third within a minute ends the engine. now: milliseconds.
 */
export function uncaughtHandler(worker: Uncaught, now: () => number): (thrown: unknown) => void {
  let times: number[] = []
  return (thrown) => {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    times = [...times.filter((time) => now() - time < MINUTE), now()]
    if (times.length < TOO_MANY) {
      const error = new Error(`The engine failed inside (${message}), and with it the requests under way; the next ones are served.`)
      worker.failOpen(error)
      return
    }
    const error = new Error(`The engine failed inside ${TOO_MANY} times within a minute, last with: ${message}. Make a new LLM.`)
    error.name = 'DeviceLostError'
    worker.close(error)
  }
}

/** Keeps the engine of this worker serving after errors that nobody caught; without it the page would take the first for the end. */
export function keepServing(engine: Engine): void {
  const close = async (error: Error): Promise<void> => {
    engine.end(error)
    await engine.dispose()
    self.close()
  }
  const handle = uncaughtHandler({ failOpen: (error) => engine.failOpen(error), close: (error) => void close(error) }, () => Date.now())
  self.addEventListener('error', (event) => {
    event.preventDefault()
    console.error(event.error ?? event.message)
    handle(event.error ?? event.message)
  })
  self.addEventListener('unhandledrejection', (event) => {
    handle(event.reason)
  })
}
