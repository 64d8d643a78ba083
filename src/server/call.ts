import type { ServedEngine } from '../protocol/served-engine.ts'

/** How long a router waits for what, in milliseconds. */
export interface Patience {
  /** For the engine's word that it takes a streamed request, before the headers go out without it. */
  acceptPatience: number
  /** Between two comments of a stream. */
  keepAlive: number
  /** For an answer that is not streamed. */
  answerTimeout: number
}

/** A request on its way through a route. */
export interface Call {
  readonly request: Request
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
  /** The JSON of its body. */
  readonly body: Readonly<Record<string, unknown>>
  readonly engine: ServedEngine
  /** Names that the model goes by; the first is its own. */
  readonly models: readonly string[]
  /** Of this request, for logs on both sides. */
  readonly id: string
  readonly patience: Patience
}
