import { describe, expect, it } from 'vitest'
import { listEntries } from '../../../src/cache/entries.ts'
import { type FakeRequest, type FakeServer, fakeServer } from '../weights/fake-server.ts'
import { thrown } from '../weights/thrown.ts'
import { FakeDisk, type Loss } from './fake-disk.ts'
import { modelFiles, modelServer, visit } from './visit.ts'

/** A server that nobody reaches. */
const offline = () => {
  const server = modelServer()
  const fetch = async (): Promise<Response> => {
    server.requests.push({ path: '', headers: {} })
    throw new TypeError('Failed to fetch')
  }
  return { ...server, fetch }
}

const serverOf = (files: ReturnType<typeof modelFiles>) => fakeServer(files, undefined, 997)

const fresh = await visit(undefined, modelServer())

/** Makes the next visit have what it must have, from this disk, and no more requests than a kept model needs. */
async function expectGood(disk: FakeDisk): Promise<void> {
  const loaded = await visit(disk, modelServer())
  expect(loaded.weights).toEqual(fresh.weights)
  expect(loaded.texts).toEqual(fresh.texts)
}

const SHARDS = /(one|two)\.safetensors$/
/** Requests for a shard before its tensors: the probe, three samples, the header. */
const BEFORE_TENSORS = 5

const requestsFor = ({ requests }: Pick<FakeServer, 'requests'>, path: RegExp): FakeRequest[] =>
  requests.filter((each) => path.test(each.path))

/** Requests for tensors. */
const streams = (server: FakeServer): number =>
  ['one', 'two'].reduce(
    (sum, name) => sum + Math.max(0, requestsFor(server, new RegExp(`${name}\\.safetensors`)).length - BEFORE_TENSORS),
    0,
  )

describe('a second visit', () => {
  it('reads weights from the disk, and asks the server only whether its files are the same', async () => {
    const disk = new FakeDisk()
    const first = await visit(disk, modelServer())
    expect(first.weights).toEqual(fresh.weights)
    expect(first.warnings).toEqual([])
    const server = modelServer()
    const second = await visit(disk, server)
    expect(second.weights).toEqual(fresh.weights)
    expect(second.texts).toEqual(fresh.texts)
    const ranges = server.requests.filter(({ headers }) => headers['range'] === 'bytes=0-0').map(({ path }) => path)
    expect(ranges.sort()).toEqual(
      [
        'chat_template.jinja',
        'config.json',
        'model.safetensors',
        'model.safetensors.index.json',
        'one.safetensors',
        'tokenizer.json',
        'two.safetensors',
      ].map((name) => `/m/${name}`),
    )
    // Beside that three samples of each shard.
    expect(server.requests.length - ranges.length).toBe(6)
  })

  it('needs no server', async () => {
    const disk = new FakeDisk()
    await visit(disk, modelServer())
    const server = offline()
    const second = await visit(disk, server)
    expect(second.weights).toEqual(fresh.weights)
    expect(second.texts).toEqual(fresh.texts)
    expect(server.pauses).toEqual([])
  })

  it('tells of bytes from the disk as of others, and ends each file', async () => {
    const disk = new FakeDisk()
    const first = await visit(disk, modelServer())
    const second = await visit(disk, offline())
    for (const { progress, cached } of [
      { progress: first.progress, cached: false },
      { progress: second.progress, cached: true },
    ]) {
      for (const file of ['one.safetensors', 'two.safetensors']) {
        const events = progress.filter(([name]) => name === file)
        const total = events.at(-1)?.[2] as number
        expect(events[0]).toEqual([file, 0, total, cached])
        expect(events.at(-1)).toEqual([file, total, total, cached])
        expect(events.filter(([, loaded]) => loaded === total).length).toBe(1)
        expect(events.map(([, loaded]) => loaded)).toEqual(events.map(([, loaded]) => loaded).toSorted((a, b) => a - b))
      }
    }
  })

  it('finds nothing of another recipe, and keeps both', async () => {
    const disk = new FakeDisk()
    await visit(disk, modelServer())
    const server = modelServer()
    const other = await visit(disk, server, { options: { quantization: 'q8' } })
    expect(other.weights[1]).toEqual((await visit(undefined, modelServer(), { options: { quantization: 'q8' } })).weights[1])
    expect(requestsFor(server, SHARDS).length).toBeGreaterThan(8)
    const entries = await listEntries(disk.root)
    expect(entries.map(({ kind, recipe, complete }) => [kind, recipe, complete]).sort()).toEqual([
      ['files', '', true],
      ['weights', 'q4', true],
      ['weights', 'q8', true],
    ])
    expect((await visit(disk, offline())).weights).toEqual(fresh.weights)
    expect((await visit(disk, offline(), { options: { quantization: 'q8' } })).weights).toEqual(other.weights)
  })

  it('keeps nothing where it shall not', async () => {
    const disk = new FakeDisk()
    await visit(disk, modelServer(), { options: { cache: false } })
    expect(disk.paths).toEqual([])
    await visit(disk, modelServer(), { options: { cache: 'weights' } })
    expect((await listEntries(disk.root)).map(({ kind }) => kind)).toEqual(['weights'])
    const server = modelServer()
    await visit(disk, server, { options: { cache: 'weights' } })
    expect([requestsFor(server, SHARDS).length, streams(server)]).toEqual([2 * BEFORE_TENSORS, 0])
  })

  it('keeps no weights of a server that tells no versions', async () => {
    const disk = new FakeDisk()
    const files = modelFiles()
    for (const file of Object.values(files)) file.etag = undefined
    const server = () => serverOf(files)
    expect((await visit(disk, server())).weights).toEqual(fresh.weights)
    expect((await listEntries(disk.root)).map(({ kind }) => kind)).toEqual(['files'])
    expect((await visit(disk, server())).weights).toEqual(fresh.weights)
  })

  it('keeps the weights of picked files', async () => {
    const disk = new FakeDisk()
    const files = Object.entries(modelFiles()).map(
      ([path, { bytes }]) => new File([bytes as Uint8Array<ArrayBuffer>], path.slice(3), { lastModified: 5 }),
    )
    const first = await visit(disk, offline(), { location: files })
    const second = await visit(disk, offline(), { location: files })
    expect(first.weights).toEqual(fresh.weights)
    expect(second.weights).toEqual(fresh.weights)
    expect(second.progress.every(([, , , cached]) => cached)).toBe(true)
  })
})

describe('a model that changed', () => {
  it('is fetched anew, by its versions', async () => {
    const disk = new FakeDisk()
    await visit(disk, modelServer({ seed: 1 }))
    const other = await visit(disk, modelServer({ seed: 2 }))
    expect(other.weights).toEqual((await visit(undefined, modelServer({ seed: 2 }))).weights)
    expect(other.weights === fresh.weights).toBe(false)
    expect((await visit(disk, offline())).weights).toEqual(other.weights)
  })

  it('is fetched anew, by its bytes, where versions are made of sizes and dates', async () => {
    const disk = new FakeDisk()
    await visit(disk, modelServer({ seed: 1, etag: '"same"' }))
    const other = await visit(disk, modelServer({ seed: 2, etag: '"same"' }))
    expect(other.weights).toEqual((await visit(undefined, modelServer({ seed: 2 }))).weights)
  })

  it('while it was read is loaded, and nothing of it kept under the old name', async () => {
    const disk = new FakeDisk()
    const servers = [modelServer({ seed: 1 }), modelServer({ seed: 2 })] as const
    let asked = 0
    let [now] = servers
    const fetch: FakeServer['fetch'] = (url, init) => {
      if (url.endsWith('two.safetensors') && asked++ === BEFORE_TENSORS) now = servers[1]
      return now.fetch(url, init)
    }
    const loaded = await visit(disk, { ...now, fetch })
    const [, , b] = (await visit(undefined, modelServer({ seed: 2 }))).weights
    expect(loaded.weights[2]).toEqual(b)
    expect((await listEntries(disk.root)).filter(({ kind }) => kind === 'weights')).toEqual([])
  })
})

describe('storage that fails', () => {
  it('at any one call, or at all after it, never spoils the load nor the next one', async () => {
    const counted = new FakeDisk()
    await visit(counted, modelServer())
    await visit(counted, modelServer())
    expect(counted.calls).toBeGreaterThan(60)
    for (const lasting of [false, true]) {
      for (let at = 0; at < counted.calls; at++) {
        const disk = new FakeDisk()
        disk.fault = (call, what) => {
          if (call === at || (lasting && call > at)) throw new DOMException(`${what} failed`, 'UnknownError')
        }
        expect((await visit(disk, modelServer())).weights).toEqual(fresh.weights)
        if (!lasting) expect((await visit(disk, modelServer())).weights).toEqual(fresh.weights)
        disk.fault = () => undefined
        await expectGood(disk)
      }
    }
  }, 120_000)

  it.each<Loss>(['all', 'half', 'nothing'])(
    'going down at any call, with %s of what was not flushed lost, leaves what opens again',
    async (loss) => {
      const counted = new FakeDisk()
      await visit(counted, modelServer())
      for (let at = 0; at < counted.calls; at++) {
        const disk = new FakeDisk()
        let left: FakeDisk | undefined
        disk.fault = (call) => {
          if (call === at) left = disk.afterCrash(loss)
          if (call >= at) throw new DOMException('gone', 'UnknownError')
        }
        await visit(disk, modelServer())
        await expectGood(left as FakeDisk)
        const server = offline()
        expect((await visit(left as FakeDisk, server)).weights).toEqual(fresh.weights)
      }
    },
    120_000,
  )

  it('notices any byte that changed on the disk, and mends it', async () => {
    const disk = new FakeDisk()
    await visit(disk, modelServer())
    for (const path of disk.paths) {
      const bytes = disk.bytesOf(path)
      for (let at = 0; at < bytes.length; at += Math.max(1, Math.floor(bytes.length / 15))) {
        const spoilt = disk.afterCrash('nothing')
        spoilt.bytesOf(path)[at]! ^= 0x41
        await expectGood(spoilt)
        expect((await visit(spoilt, offline())).weights).toEqual(fresh.weights)
      }
    }
  }, 120_000)

  it('fetches a spoilt block alone', async () => {
    const disk = new FakeDisk()
    await visit(disk, modelServer())
    const data = disk.paths.find((path) => path.endsWith('/data')) as string
    disk.bytesOf(data)[5000]! ^= 1
    const server = modelServer()
    expect((await visit(disk, server)).weights).toEqual(fresh.weights)
    expect(requestsFor(server, /one/).length).toBe(BEFORE_TENSORS - 1)
    const [begin = 0, end = 0] =
      /bytes=(\d+)-(\d+)/
        .exec(requestsFor(server, /two/).at(-1)?.headers['range'] ?? '')
        ?.slice(1)
        .map(Number) ?? []
    expect(end - begin + 1).toBe(4096)
  })
})

describe('a network that fails', () => {
  it('at any one request is asked again', async () => {
    const server = modelServer()
    await visit(new FakeDisk(), server)
    const count = server.requests.length
    for (let at = 0; at < count; at++) {
      const disk = new FakeDisk()
      const broken = modelServer({ fault: (answer, _request, n) => (n === at ? { ...answer, breakAfter: 3 } : answer) })
      expect((await visit(disk, broken)).weights).toEqual(fresh.weights)
      expect((await visit(disk, offline())).weights).toEqual(fresh.weights)
    }
  }, 60_000)

  it('for good at any request says so, and the next visit goes on from there', async () => {
    const server = modelServer()
    await visit(new FakeDisk(), server)
    const count = server.requests.length
    for (let at = 0; at < count; at++) {
      const disk = new FakeDisk()
      const dying = modelServer({ fault: (answer, _request, n) => (n < at ? answer : { ...answer, breakAfter: 1500 }) })
      const small = modelServer({ fault: (answer, _request, n) => (n < at ? answer : { ...answer, status: 503, body: new Uint8Array() }) })
      for (const broken of [dying, small]) {
        const outcome = await visit(disk, broken).catch((error: Error) => error)
        if (outcome instanceof Error) expect(outcome.name).toBe('ModelLoadError')
        else expect(outcome.weights).toEqual(fresh.weights)
      }
      await expectGood(disk)
      expect((await visit(disk, offline())).weights).toEqual(fresh.weights)
    }
  }, 60_000)

  it('in the middle of a shard leaves the blocks before it on the disk', async () => {
    const disk = new FakeDisk()
    const stop = new AbortController()
    let asked = 0
    const server = modelServer({
      fault: (answer, { path }) => {
        if (!path.endsWith('two.safetensors') || asked++ < BEFORE_TENSORS) return answer
        if (asked > BEFORE_TENSORS + 1) stop.abort()
        return { ...answer, breakAfter: 5500 }
      },
    })
    expect((await thrown(visit(disk, server, { signal: stop.signal }))).name).toBe('AbortError')
    const [entry] = (await listEntries(disk.root)).filter(({ kind }) => kind === 'weights')
    expect(entry?.complete).toBe(false)
    const next = modelServer()
    const loaded = await visit(disk, next)
    expect(loaded.weights).toEqual(fresh.weights)
    expect(requestsFor(next, /one\.safetensors/).length).toBe(BEFORE_TENSORS)
    expect(requestsFor(next, /two\.safetensors/).length).toBe(BEFORE_TENSORS + 1)
    expect(Number(/bytes=(\d+)/.exec(requestsFor(next, /two/).at(-1)?.headers['range'] ?? '')?.[1])).toBeGreaterThan(3000)
  })
})

describe('tabs that load the same', () => {
  it('fetch it once', async () => {
    const disk = new FakeDisk()
    const servers = [modelServer(), modelServer(), modelServer()]
    const loads = await Promise.all(servers.map((server) => visit(disk, server)))
    for (const { weights } of loads) expect(weights).toEqual(fresh.weights)
    expect(servers.map(streams).sort()).toEqual([0, 0, 2])
  })

  it('read it at once where it is there, with one handle for each file too', async () => {
    for (const manyReaders of [true, false]) {
      const disk = new FakeDisk()
      await visit(disk, modelServer())
      disk.manyReaders = manyReaders
      const loads = await Promise.all([1, 2, 3].map(() => visit(disk, offline())))
      for (const { weights } of loads) expect(weights).toEqual(fresh.weights)
    }
  })

  it('stop waiting when they are told to', async () => {
    const disk = new FakeDisk()
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    await visit(disk, modelServer())
    const [entry] = (await listEntries(disk.root)).filter(({ kind }) => kind === 'weights')
    void disk.locks.request(`ocellus-cache weights/${entry?.key}`, { mode: 'exclusive' }, () => held)
    const stop = new AbortController()
    const waiting = visit(disk, modelServer(), { signal: stop.signal })
    setTimeout(() => stop.abort(), 20)
    expect((await thrown(waiting)).name).toBe('AbortError')
    release()
    await expectGood(disk)
  })

  it('load without keeping anything where there are no locks', async () => {
    const disk = new FakeDisk()
    disk.locks.broken = true
    expect((await visit(disk, modelServer())).weights).toEqual(fresh.weights)
    expect(disk.paths.filter((path) => path.includes('weights'))).toEqual([])
  })
})
