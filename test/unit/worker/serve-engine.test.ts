import { wrap } from 'comlink'
import { describe, expect, it } from 'vitest'
import type { WorkerApi } from '../../../src/protocol/engine-api.ts'
import { serveEngine } from '../../../src/worker/serve-engine.ts'

/** Locks that are granted at once, by name, with what ends them. */
const granted = new Map<string, unknown>()
const request = (name: string, use: () => unknown) => granted.set(name, use())
Object.defineProperty(globalThis, 'navigator', { value: { locks: { request } }, configurable: true })

describe('the lock of an engine', () => {
  it('is held until the engine ends, and by one that has ended not at all', async () => {
    const { port1, port2 } = new MessageChannel()
    const engine = serveEngine(port2)
    const remote = wrap<WorkerApi>(port1)
    await remote.holdLock('alive')
    let free = false
    void Promise.resolve(granted.get('alive')).then(() => {
      free = true
    })
    await remote.holdLock('alive too')
    expect(free).toBe(false)
    engine.end(new Error('The device was lost.'))
    await granted.get('alive')
    await remote.holdLock('over')
    expect(granted.get('over')).toBe(undefined)
    port1.close()
    port2.close()
  })
})
