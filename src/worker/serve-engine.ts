import { expose } from 'comlink'
import { Engine } from '../engine/engine.ts'
import type { WorkerApi } from '../protocol/engine-api.ts'
import { carryErrorCodes } from './carry-codes.ts'
import { convertPool } from './convert-pool.ts'

/** An engine that has lost its device is as good as dead, though its worker lives: its lock goes free as well. */
const lockHolder =
  (over: AbortSignal): WorkerApi['holdLock'] =>
  (name) =>
    new Promise((held) => {
      void navigator.locks.request(name, () => {
        held()
        return over.aborted ? undefined : new Promise<void>((release) => over.addEventListener('abort', () => release()))
      })
    })

carryErrorCodes()

/** Makes an engine and lets it answer on a port; by default on the worker's own. */
export function serveEngine(port?: MessagePort): Engine {
  const engine = new Engine({ makeConverter: convertPool })
  // Control calls go through comlink; each request's tokens go over the port that came with it.
  expose(Object.assign(engine, { holdLock: lockHolder(engine.over) }) satisfies WorkerApi, port)
  return engine
}
