import { expose } from 'comlink'
import { Engine } from '../engine/engine.ts'
import type { WorkerApi } from '../protocol/engine-api.ts'

const holdLock: WorkerApi['holdLock'] = (name) =>
  new Promise((held) => {
    void navigator.locks.request(name, () => {
      held()
      return new Promise(() => {})
    })
  })

/** Makes an engine and lets it answer on a port; by default on the worker's own. */
export function serveEngine(port?: MessagePort): void {
  // Control calls go through comlink; each request's tokens go over the port that came with it.
  expose(Object.assign(new Engine(), { holdLock }) satisfies WorkerApi, port)
}
