import { describe, expect, it } from 'vitest'
import type { EngineRequest, ModelInfo } from '../../../src/protocol/engine-api.ts'
import { createEngineFinder } from '../../../src/server/sw-engine.ts'
import { type CallMessage, type FindMessage, type HostAnswer, hostLock, toWire } from '../../../src/server/sw-messages.ts'
import type { WindowClient } from '../../../src/server/sw-scope.ts'
import { mediaError, withCode } from '../../../src/util/errors.ts'
import { FakeLocks } from './fake-locks.ts'

const scope = 'https://host.example/app/'
const info = { model: 'm' } as ModelInfo
const ready = (lock: string): HostAnswer => ({ state: 'ready', info, created: 7, lock })
const request: EngineRequest = { request_id: 'r', input: { prompt: 'x' }, media: {}, sampling: {} }

/** A page that answers as told. */
class FakePage implements WindowClient {
  asked = 0
  readonly calls: CallMessage[] = []
  readonly #answer: (() => HostAnswer) | undefined
  readonly #onCall: (message: CallMessage) => unknown

  constructor(answer?: () => HostAnswer, onCall: (message: CallMessage) => unknown = () => ({ value: undefined })) {
    this.#answer = answer
    this.#onCall = onCall
  }

  postMessage(message: FindMessage | CallMessage, [reply]: MessagePort[]): void {
    if (message.ocellus === 'find') {
      this.asked++
      if (this.#answer) reply?.postMessage(this.#answer())
      return
    }
    this.calls.push(message)
    const answer = this.#onCall(message)
    if (answer) reply?.postMessage(answer)
  }
}

const finder = (locks: FakeLocks, ...pages: FakePage[]): ReturnType<typeof createEngineFinder> =>
  createEngineFinder({ scope, clients: { matchAll: async () => pages }, locks: locks.manager })

const nameAndMessage = async (work: Promise<unknown>): Promise<string> => {
  try {
    return `nothing: ${await work}`
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`
  }
}

describe('finding the engine of a scope', () => {
  it('asks all pages and takes the one that hosts', async () => {
    const locks = new FakeLocks()
    locks.hold(hostLock(scope))
    locks.hold('engine')
    const pages = [new FakePage(), new FakePage(() => ready('engine')), new FakePage()]
    const engine = await finder(locks, ...pages)()
    expect([engine.info.model, engine.created, engine.gone.aborted]).toEqual(['m', 7, false])
    expect(pages.map(({ asked }) => asked)).toEqual([1, 1, 1])
  })

  it('asks once for many requests at a time, and anew for the next', async () => {
    const locks = new FakeLocks()
    locks.hold(hostLock(scope))
    locks.hold('engine')
    const page = new FakePage(() => ready('engine'))
    const find = finder(locks, page)
    await Promise.all([find(), find(), find()])
    expect(page.asked).toBe(1)
    await find()
    expect(page.asked).toBe(2)
  })

  it('waits while the model loads, and past an engine that has just died', async () => {
    const locks = new FakeLocks()
    locks.hold(hostLock(scope))
    locks.hold('new')
    const answers: HostAnswer[] = [ready('dead'), { state: 'loading' }, { state: 'loading' }, ready('new')]
    const page = new FakePage(() => answers.shift() ?? ready('new'))
    const engine = await finder(locks, page)()
    expect(engine.gone.aborted).toBe(false)
    expect(page.asked).toBe(4)
  })

  it('gives up when nobody holds the lock of the host', async () => {
    const page = new FakePage(() => ready('engine'))
    expect(await nameAndMessage(finder(new FakeLocks(), page)())).toMatch(/^EngineNotReadyError: No open page hosts a model for .*\/app\//)
    expect(page.asked).toBe(0)
  })

  it('tells the failure of a host that has given up, as hopeless', async () => {
    const locks = new FakeLocks()
    locks.hold(hostLock(scope))
    const error = toWire(withCode(mediaError('no'), 'invalid_image'))
    const thrown = await finder(locks, new FakePage(() => ({ state: 'failed', error })))().catch((error: unknown) => error)
    expect(thrown).toMatchObject({ name: 'MediaError', message: 'no', code: 'invalid_image', headers: { 'x-should-retry': 'false' } })
  })
})

describe('an engine in a page', () => {
  const open = async (page: FakePage) => {
    const locks = new FakeLocks()
    locks.hold(hostLock(scope))
    const die = locks.hold('engine')
    return { locks, die, engine: await finder(locks, page)() }
  }

  it('is handed requests with the name of a lock that the service worker holds', async () => {
    const page = new FakePage(() => ready('engine'))
    const { locks, engine } = await open(page)
    await engine.submit(request, new MessageChannel().port1)
    await engine.submit(request, new MessageChannel().port1)
    const names = page.calls.map(({ call }) => (call.method === 'submit' ? call.request.reader_lock : undefined))
    expect(names[0]).toMatch(/^ocellus-reader-/)
    expect(names[1]).toBe(names[0])
    expect((await locks.query()).held?.map(({ name }) => name)).toContain(names[0])
    expect(page.calls[0]).toMatchObject({ scope, lock: 'engine', call: { request: { request_id: 'r' } } })
  })

  it('answers with values, and with errors that keep their name and code', async () => {
    const page = new FakePage(
      () => ready('engine'),
      ({ call }) => (call.method === 'detokenize' ? { value: 'text' } : { error: toWire(withCode(mediaError('bad'), 'media_timeout')) }),
    )
    const { engine } = await open(page)
    expect(await engine.detokenize([1])).toBe('text')
    const thrown = await engine.tokenize({ prompt: 'x' }).catch((error: unknown) => error)
    expect(thrown).toMatchObject({ name: 'MediaError', message: 'bad', code: 'media_timeout' })
  })

  it('is gone when its lock is free, for calls under way and later ones', async () => {
    const page = new FakePage(
      () => ready('engine'),
      () => undefined,
    )
    const { engine, die } = await open(page)
    const waiting = nameAndMessage(engine.submit(request, new MessageChannel().port1))
    die()
    expect(await waiting).toMatch(/^DeviceLostError: The engine has ended/)
    expect(engine.gone.aborted).toBe(true)
    expect(await nameAndMessage(engine.detokenize([1]))).toMatch(/^DeviceLostError/)
  })
})
