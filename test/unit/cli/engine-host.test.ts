import { describe, expect, it } from 'vitest'
import { EngineHost, type HostedEngine } from '../../../cli/engine-host.ts'
import type { FileServer } from '../../../cli/file-server.ts'
import type { ModelInfo } from '../../../src/index.ts'

/** An engine that can be made to end. */
class FakeEngine implements HostedEngine {
  readonly info = { model: 'fake' } as ModelInfo
  readonly server = {} as FileServer
  end: (error: Error) => void = () => {}
  closed = false
  readonly gone = new Promise<never>((_, reject) => {
    this.end = reject
  })

  answer(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.closed = true
    return Promise.resolve()
  }
}

/** Lets everything that is ready run. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

function hostOf(open: () => Promise<FakeEngine>): { host: EngineHost; log: string[]; failures: Error[] } {
  const log: string[] = []
  const failures: Error[] = []
  return { host: new EngineHost({ open, log: (line) => log.push(line), onFailed: (error) => failures.push(error) }), log, failures }
}

const notReady = (host: EngineHost): unknown => {
  try {
    return host.current()
  } catch (error) {
    const { status, code } = error as { status: number; code: string }
    return [status, code]
  }
}

describe('EngineHost', () => {
  it('has no engine before it is loaded, while it is loaded again, and after its end', async () => {
    const engines = [new FakeEngine(), new FakeEngine()]
    let count = 0
    const { host } = hostOf(async () => engines[count++] as FakeEngine)
    expect(notReady(host)).toEqual([503, 'engine_not_ready'])
    expect((await host.start()).model).toBe('fake')
    expect(host.current()).toBe(engines[0])
    engines[0]?.end(new Error('crashed'))
    await Promise.resolve()
    await Promise.resolve()
    expect(notReady(host)).toEqual([503, 'engine_not_ready'])
    await settle()
    expect(engines[0]?.closed).toBe(true)
    expect(host.current()).toBe(engines[1])
    await host.close()
    expect(engines[1]?.closed).toBe(true)
    expect(notReady(host)).toEqual([503, 'engine_not_ready'])
  })

  it('gives up when the fourth engine in a row ends', async () => {
    const engines: FakeEngine[] = []
    const { host, log, failures } = hostOf(async () => {
      engines.push(new FakeEngine())
      return engines.at(-1) as FakeEngine
    })
    await host.start()
    for (let i = 0; i < 4; i++) {
      expect(failures).toEqual([])
      engines.at(-1)?.end(new Error(`crash ${i}`))
      await settle()
    }
    expect(engines.length).toBe(4)
    expect(failures.map(({ message }) => message)).toEqual(['The engine has ended 4 times in short order, last with: crash 3'])
    expect(log.filter((line) => line === 'fake is ready again.').length).toBe(3)
  })

  it('counts loads that fail', async () => {
    const first = new FakeEngine()
    let opened = 0
    const { host, failures } = hostOf(() => (opened++ === 0 ? Promise.resolve(first) : Promise.reject(new Error('no weights'))))
    await host.start()
    first.end(new Error('crashed'))
    await settle()
    expect(opened).toBe(4)
    expect(failures[0]?.message).toMatch(/last with: no weights/)
  })

  it('closes an engine that is ready only after the end', async () => {
    const late = new FakeEngine()
    let ready: () => void = () => {}
    const { host } = hostOf(() => new Promise((resolve) => (ready = () => resolve(late))))
    const start = host.start().catch((error: Error) => error.message)
    await host.close()
    ready()
    expect(await start).toBe('The server is shutting down.')
    expect(late.closed).toBe(true)
  })
})
