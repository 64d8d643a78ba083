import type { ServedEngine } from '../protocol/served-engine.ts'

/** An engine in a worker of this page. */
export interface LocalEngine extends ServedEngine {
  /** Name of the Web Lock that the engine's worker holds for as long as it lives. */
  readonly lock: string
}
