import { describe, expect, it } from 'vitest'
import { type Locks, Reader } from '../../../src/engine/reader.ts'
import type { StreamEvent } from '../../../src/protocol/stream-events.ts'

const done: StreamEvent = { type: 'done', usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } }

/** A lock somebody holds, and who waits for it. */
class FakeLocks {
  readonly waiting = new Map<() => void, string>()

  readonly request = ((name: string, { signal }: LockOptions, granted: LockGrantedCallback<void>) =>
    new Promise<void>((resolve, reject) => {
      const grant = (): void => {
        this.waiting.delete(grant)
        resolve(granted(null) as undefined)
      }
      this.waiting.set(grant, name)
      signal?.addEventListener('abort', () => {
        this.waiting.delete(grant)
        reject(signal.reason)
      })
    })) as unknown as Locks['request']

  /** The holder lets go. */
  free(): void {
    for (const grant of [...this.waiting.keys()]) grant()
  }
}

/** A reader with the page's end of its port, and a record of what it does to the request. */
function open(lock: unknown = undefined) {
  const { port1, port2 } = new MessageChannel()
  const locks = new FakeLocks()
  const calls: string[] = []
  const handle = { abort: () => void calls.push('abort'), pause: () => void calls.push('pause'), resume: () => void calls.push('resume') }
  const reader = new Reader(port2, lock, locks)
  const arrived = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))
  return { reader, locks, calls, handle, page: port1, arrived }
}

describe('Reader', () => {
  it('hands the page’s messages to the request and takes no others', async () => {
    const { reader, calls, handle, page, arrived } = open()
    reader.attach(handle)
    for (const message of [{ type: 'pause' }, { type: 'resume' }, { type: 'constructor' }, null, 5, { type: 'abort' }])
      page.postMessage(message)
    await arrived()
    expect(calls).toEqual(['pause', 'resume', 'abort'])
    reader.end()
  })

  it('keeps what is said while the request is still being prepared', async () => {
    const paused = open()
    paused.page.postMessage({ type: 'pause' })
    await paused.arrived()
    paused.reader.attach(paused.handle)
    expect(paused.calls).toEqual(['pause'])
    paused.reader.end()

    const aborted = open()
    aborted.page.postMessage({ type: 'abort' })
    await aborted.arrived()
    expect(aborted.reader.signal.aborted).toBe(true)
    aborted.reader.attach(aborted.handle)
    expect(aborted.calls).toEqual(['abort'])
    aborted.reader.end()
  })

  it('ends the request when the reader’s lock is let go, prepared or not', () => {
    const running = open('tab 7')
    expect([...running.locks.waiting.values()]).toEqual(['tab 7'])
    running.reader.attach(running.handle)
    running.locks.free()
    expect(running.calls).toEqual(['abort'])

    const early = open('tab 7')
    early.locks.free()
    expect(early.reader.signal.aborted).toBe(true)
    for (const { reader } of [running, early]) reader.end()
  })

  it('leaves no wait for the lock behind, and does nothing to a request that has ended', async () => {
    const { reader, locks, calls, handle, page } = open('tab 7')
    reader.attach(handle)
    const said = new Promise((resolve) => page.addEventListener('message', ({ data }) => resolve(data)))
    page.start()
    reader.post(done)
    expect(await said).toEqual(done)
    expect(locks.waiting.size).toBe(0)
    locks.free()
    expect(calls).toEqual([])
  })

  it('waits for no lock where none is named, and refuses a name that is none', () => {
    const { reader, locks } = open()
    expect(locks.waiting.size).toBe(0)
    reader.end()
    expect(() => open(5)).toThrow('reader_lock must be a lock')
  })
})
