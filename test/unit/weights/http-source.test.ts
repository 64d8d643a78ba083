import { describe, expect, it } from 'vitest'
import { collect, isFileChanged } from '../../../src/weights/model-source.ts'
import { openSource } from '../../../src/weights/source.ts'
import { type FakeAnswer, type FakeFile, type Fault, fakeServer } from './fake-server.ts'
import { thrown } from './thrown.ts'

const BYTES = Uint8Array.from({ length: 40 }, (_, i) => i * 5)
const FILE: FakeFile = { bytes: BYTES, etag: '"v1"' }

/** A source over a folder with w.bin and some JSON; `fault` sees requests from the first on. */
function open(fault?: Fault, files: Record<string, FakeFile> = {}, options: { signal?: AbortSignal; idleMilliseconds?: number } = {}) {
  const json = (text: string): FakeFile => ({ bytes: new TextEncoder().encode(text), type: 'application/json' })
  const all = { '/m/w.bin': FILE, '/m/config.json': json('{"a":1}'), '/m/bad.json': json('{"a":NaN}'), ...files }
  const server = fakeServer(all, fault)
  const source = openSource('https://host.test/m', { fetch: server.fetch, wait: server.wait, ...options })
  return { server, source }
}

/** Leaves the probe alone and changes only the answers that follow. */
const afterProbe =
  (fault: (answer: FakeAnswer, n: number) => FakeAnswer): Fault =>
  (answer, _request, n) =>
    n === 0 ? answer : fault(answer, n)

async function readAll(fault?: Fault, begin = 0, end = BYTES.length): Promise<Uint8Array> {
  const file = await open(fault).source.open('w.bin')
  return await file.read(begin, end)
}

describe('files over HTTP', () => {
  it('learns size and version from the first byte, and reads any part', async () => {
    const { source, server } = open()
    const file = await source.open('w.bin')
    expect([file.name, file.size, file.version, file.ranged]).toEqual(['w.bin', 40, '"v1"', true])
    expect(server.requests[0]?.headers['range']).toBe('bytes=0-0')
    for (const [begin, end] of [
      [0, 40],
      [0, 1],
      [39, 40],
      [13, 29],
      [5, 5],
    ] as const) {
      expect(await file.read(begin, end)).toEqual(BYTES.slice(begin, end))
      expect(await collect(file.stream(begin, end), end - begin)).toEqual(BYTES.slice(begin, end))
    }
  })

  it('probes a file once', async () => {
    const { source, server } = open()
    expect(await source.exists('w.bin')).toBe(true)
    await source.open('w.bin')
    await source.open('w.bin')
    expect(server.requests).toHaveLength(1)
  })

  it('opens an empty file', async () => {
    const { source } = open(undefined, { '/m/empty.bin': { bytes: new Uint8Array() } })
    const file = await source.open('empty.bin')
    expect(file.size).toBe(0)
    expect(await file.read(0, 0)).toEqual(new Uint8Array())
  })

  it('refuses bytes outside the file', async () => {
    const file = await open().source.open('w.bin')
    expect((await thrown(file.read(30, 41))).message).toContain('which has 40')
  })

  it('resumes a connection that breaks after any number of bytes', async () => {
    for (let k = 0; k < BYTES.length; k++) {
      const { source, server } = open(afterProbe((answer, n) => (n === 1 ? { ...answer, breakAfter: k } : answer)))
      const file = await source.open('w.bin')
      expect(await file.read(0, 40)).toEqual(BYTES)
      expect(server.requests).toHaveLength(3)
      expect(server.requests[2]?.headers['range']).toBe(`bytes=${k}-39`)
      expect(server.requests[2]?.headers['if-range']).toBe(k === 0 ? undefined : '"v1"')
      expect(server.pauses).toEqual([500])
    }
  })

  it('resumes a body that ends early without an error, after a pause', async () => {
    const { source, server } = open(afterProbe((answer, n) => (n === 1 ? { ...answer, body: answer.body.slice(0, 11) } : answer)))
    const file = await source.open('w.bin')
    expect(await file.read(0, 40)).toEqual(BYTES)
    expect(server.pauses).toEqual([500])
  })

  it('gives up on bodies that always end early', async () => {
    const error = await thrown(readAll(afterProbe((answer) => ({ ...answer, body: new Uint8Array() }))))
    expect(error.message).toMatch(/in 6 tries \(wanted bytes 0 to 39, got 0 of 40 bytes\): the answer ended after 0 of 40 bytes/)
  })

  it('resumes when nothing comes any more', async () => {
    const fault = afterProbe((answer, n) => (n === 1 ? { ...answer, stallAfter: 9 } : answer))
    const { source } = open(fault, {}, { idleMilliseconds: 5 })
    const file = await source.open('w.bin')
    expect(await file.read(0, 40)).toEqual(BYTES)
  })

  it('tries five more times, waiting longer each time, then says how far it came', async () => {
    const { source, server } = open(afterProbe((answer, n) => (n === 1 ? { ...answer, breakAfter: 12 } : { ...answer, breakAfter: 0 })))
    const file = await source.open('w.bin')
    const error = await thrown(file.read(0, 40))
    expect(error.name).toBe('ModelLoadError')
    expect(error.message).toMatch(/w\.bin could not be read in 6 tries \(wanted bytes 0 to 39, got 12 of 40 bytes\): .*terminated/)
    expect(server.pauses).toEqual([500, 1000, 2000, 4000, 8000])
  })

  it('begins counting tries anew after a megabyte', async () => {
    const big = Uint8Array.from({ length: 9 << 20 }, (_, i) => i % 251)
    // Every connection carries one MiB and a little, so nine breaks are more than the five tries.
    const fault: Fault = (answer, _request, n) => (n === 0 ? answer : { ...answer, breakAfter: (1 << 20) + 100 })
    const server = fakeServer({ '/m/w.bin': { bytes: big, etag: '"v1"' } }, fault, 1 << 16)
    const file = await openSource('https://host.test/m/', { fetch: server.fetch, wait: server.wait }).open('w.bin')
    expect(Buffer.compare(await file.read(0, big.length), big)).toBe(0)
    expect(new Set(server.pauses)).toEqual(new Set([500]))
  })

  it.each([429, 500, 503])('tries again after status %i, as late as the server asks', async (status) => {
    const { source, server } = open((answer, _request, n) => (n < 2 ? { ...answer, status, headers: { 'retry-after': '3' } } : answer))
    expect((await source.open('w.bin')).size).toBe(40)
    expect(server.pauses).toEqual([3000, 3000])
  })

  it('reads from byte 0 where the server knows no ranges', async () => {
    const noRanges: Fault = (answer) => ({
      status: 200,
      headers: { 'content-length': '40', 'content-type': answer.headers['content-type'] as string },
      body: BYTES,
    })
    const { source, server } = open(noRanges)
    const file = await source.open('w.bin')
    expect(file.ranged).toBe(false)
    expect(file.size).toBe(40)
    expect(await file.read(13, 29)).toEqual(BYTES.slice(13, 29))
    expect(await file.read(0, 40)).toEqual(BYTES)
    expect(server.requests).toHaveLength(3)
  })

  it('starts over where the server knows no ranges and the connection breaks', async () => {
    const fault: Fault = (_answer, _request, n) => ({
      status: 200,
      headers: { 'content-length': '40' },
      body: BYTES,
      ...(n === 1 && { breakAfter: 20 }),
    })
    expect(await readAll(fault, 5, 40)).toEqual(BYTES.slice(5))
  })

  it('takes a 200 to one range request of a server that otherwise gives ranges', async () => {
    const fault: Fault = (answer, _request, n) =>
      n === 1 ? { status: 200, headers: { 'content-length': '40', etag: '"v1"' }, body: BYTES } : answer
    expect(await readAll(fault, 13, 29)).toEqual(BYTES.slice(13, 29))
  })

  it('goes on asking where the server gives less than was asked, and says so', async () => {
    const short: Fault = (answer, request, n) => {
      const begin = Number(/bytes=(\d+)/.exec(request.headers['range'] ?? '')?.[1])
      const end = Math.min(begin + 15, 40)
      return n === 0 ? answer : { status: 206, headers: { 'content-range': `bytes ${begin}-${end - 1}/40` }, body: BYTES.slice(begin, end) }
    }
    expect(await readAll(short)).toEqual(BYTES)
  })

  it.each<[string, Partial<FakeAnswer>, RegExp]>([
    ['another start', { headers: { 'content-range': 'bytes 1-39/40' } }, /wanted bytes 0 to 39 of 40, got content-range 'bytes 1-39\/40'/],
    ['an end beyond what was asked', { headers: { 'content-range': 'bytes 0-40/41' } }, /got content-range 'bytes 0-40\/41'/],
    ['another size', { headers: { 'content-range': 'bytes 0-39/50' } }, /got content-range 'bytes 0-39\/50'/],
    ['an end before the start', { headers: { 'content-range': 'bytes 0--1/40' } }, /got content-range 'bytes 0--1\/40'/],
    ['another unit', { headers: { 'content-range': 'items 0-39/40' } }, /got content-range 'items 0-39\/40'/],
    ['no content-range', { headers: {} }, /got content-range none/],
    ['a longer body', { body: new Uint8Array(41) }, /wanted bytes 0 to 39, got more than those 40 bytes/],
    [
      'a compressed part',
      { headers: { 'content-range': 'bytes 0-39/40', 'content-encoding': 'gzip' } },
      /content-encoding gzip; serve the file uncompressed/,
    ],
    ['a whole file of another size', { status: 200, headers: { 'content-length': '39' } }, /got a whole file of 39 bytes/],
    ['a whole file that is longer', { status: 200, headers: {}, body: new Uint8Array(41) }, /got more than those 40 bytes/],
    ['status 416', { status: 416, headers: { 'content-range': 'bytes */10' } }, /got status 416/],
    ['status 404', { status: 404, headers: {} }, /got status 404 \(was the file removed/],
    ['status 400', { status: 400, headers: {} }, /answered 400/],
  ])('refuses %s, once and for all', async (_what, change, message) => {
    const { source, server } = open(afterProbe((answer) => ({ ...answer, ...change })))
    const file = await source.open('w.bin')
    const error = await thrown(file.read(0, 40))
    expect(error.name).toBe('ModelLoadError')
    expect(error.message).toMatch(message)
    expect(error.message).toContain('w.bin')
    expect(server.requests).toHaveLength(2)
  })

  it.each<[string, Partial<FakeAnswer>, RegExp]>([
    [
      'compressed',
      { status: 200, headers: { 'content-encoding': 'gzip', 'content-length': '20' } },
      /content-encoding gzip, which hides its size/,
    ],
    ['of unknown length', { status: 200, headers: {} }, /no content-length/],
    ['without a visible content-range', { headers: {} }, /Access-Control-Expose-Headers: Content-Range, ETag/],
    ['with a content-range of unknown size', { headers: { 'content-range': 'bytes 0-0/*' } }, /content-range 'bytes 0-0\/\*'/],
    ['with a content-range of other bytes', { headers: { 'content-range': 'bytes 5-5/40' } }, /content-range 'bytes 5-5\/40'/],
  ])('finds but does not open a file that is %s', async (_what, change, message) => {
    const { source } = open((answer) => ({ ...answer, ...change }))
    expect(await source.exists('w.bin')).toBe(true)
    const error = await thrown(source.open('w.bin'))
    expect(error.name).toBe('ModelLoadError')
    expect(error.message).toMatch(message)
  })

  it.each([
    ['at once', 0],
    ['after a break', 9],
  ])('notices a new version %s, and opens that one next', async (_when, breakAfter) => {
    const onServer: FakeFile = { bytes: BYTES, etag: '"v1"' }
    const replace = () => Object.assign(onServer, { bytes: BYTES.slice(0, 30), etag: '"v2"' })
    const { source } = open((answer, _request, n) => (n === 1 && breakAfter > 0 ? { ...answer, breakAfter } : answer), {
      '/m/w.bin': onServer,
    })
    const file = await source.open('w.bin')
    if (breakAfter === 0) replace()
    const pieces: Uint8Array[] = []
    const reading = (async () => {
      for await (const piece of file.stream(0, 40)) {
        pieces.push(piece)
        replace()
      }
    })()
    const error = await thrown(reading)
    expect(isFileChanged(error)).toBe(true)
    expect(error.message).toContain('"v1" became "v2"')
    expect(Buffer.concat(pieces)).toEqual(Buffer.from(BYTES.slice(0, breakAfter)))
    expect((await source.open('w.bin')).size).toBe(30)
  })

  it('takes a whole file without version, in answer to a resumed read, for a new one', async () => {
    const fault: Fault = (answer, _request, n) => {
      if (n === 1) return { ...answer, breakAfter: 9 }
      return n === 2 ? { status: 200, headers: { 'content-length': '40' }, body: BYTES } : answer
    }
    expect(isFileChanged(await thrown(readAll(fault)))).toBe(true)
  })

  it('sends no weak ETag with If-Range', async () => {
    const files = { '/m/w.bin': { bytes: BYTES, etag: 'W/"v1"' } }
    const { source, server } = open((answer, _request, n) => (n === 1 ? { ...answer, breakAfter: 9 } : answer), files)
    expect(await (await source.open('w.bin')).read(0, 40)).toEqual(BYTES)
    expect(server.requests[2]?.headers['if-range']).toBe(undefined)
  })

  it('ends at once when aborted: before, while waiting for bytes, and between tries', async () => {
    const stop = new AbortController()
    const { source } = open(afterProbe((answer) => ({ ...answer, stallAfter: 3 })))
    const file = await source.open('w.bin')
    const reading = thrown(file.read(0, 40, stop.signal))
    await new Promise((resolve) => setTimeout(resolve, 5))
    stop.abort()
    expect((await reading).name).toBe('AbortError')
    expect((await thrown(file.read(0, 40, stop.signal))).name).toBe('AbortError')

    const all = new AbortController()
    const server = fakeServer({}, () => {
      throw new TypeError('fetch failed')
    })
    const offline = openSource('https://host.test/m', { fetch: server.fetch, signal: all.signal })
    const opening = thrown(offline.open('w.bin'))
    await new Promise((resolve) => setTimeout(resolve, 5))
    all.abort()
    expect((await opening).name).toBe('AbortError')
  })

  it('drops the connection when the reader has had enough', async () => {
    const signals: AbortSignal[] = []
    const server = fakeServer({ '/m/w.bin': FILE })
    const fetch: typeof server.fetch = (url, init) => {
      signals.push(init.signal as AbortSignal)
      return server.fetch(url, init)
    }
    const file = await openSource('https://host.test/m', { fetch }).open('w.bin')
    for await (const piece of file.stream(0, 40)) if (piece.length > 0) break
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true])
  })
})

describe('text and JSON over HTTP', () => {
  it('parses JSON and says whether a file is there', async () => {
    const { source } = open()
    expect(await source.json('config.json')).toEqual({ a: 1 })
    expect(await source.exists('config.json')).toBe(true)
    expect(await source.exists('nothing.json')).toBe(false)
  })

  it.each<[string, string, RegExp]>([
    ['bad JSON', 'bad.json', /bad\.json is not valid JSON: .*N/],
    ['a missing file', 'nothing.json', /https:\/\/host\.test\/m has no file 'nothing\.json'/],
    ['a path that leaves the folder', '../secret.json', /'\.\.\/secret\.json' is no valid file name/],
    ['an absolute path', '/etc/passwd', /no valid file name/],
    ['a path with a backslash', 'a\\b', /no valid file name/],
    ['bytes that are not UTF-8', 'latin.json', /latin\.json is not UTF-8/],
    ['a file over the cap', 'large.json', /large\.json has 10000001 bytes; at most 10000000/],
  ])('refuses %s', async (_what, path, message) => {
    const { source } = open(undefined, {
      '/m/latin.json': { bytes: Uint8Array.of(0x22, 0xe9, 0x22) },
      '/m/large.json': { bytes: new Uint8Array(10_000_001) },
    })
    const error = await thrown(source.json(path))
    expect(error.name).toBe('ModelLoadError')
    expect(error.message).toMatch(message)
  })

  it('stops reading at the cap when the size was not told', async () => {
    const server = fakeServer(
      { '/m/large.json': { bytes: new Uint8Array(10_000_001) } },
      (answer) => ({ ...answer, headers: {} }),
      1_000_000,
    )
    const error = await thrown(openSource('https://host.test/m', { fetch: server.fetch }).text('large.json'))
    expect(error.message).toContain('large.json is larger; at most 10000000 bytes')
  })

  it('takes the page of a development server for a missing file', async () => {
    const page: FakeFile = { bytes: new TextEncoder().encode('<!doctype html><p>app'), type: 'text/html; charset=utf-8' }
    const { source } = open(undefined, { '/m/model.safetensors': page, '/m/generation_config.json': page })
    expect(await source.exists('model.safetensors')).toBe(false)
    expect((await thrown(source.open('model.safetensors'))).message).toContain("has no file 'model.safetensors'")
    expect((await thrown(source.json('generation_config.json'))).message).toContain("has no file 'generation_config.json'")
  })

  it('drops keys that would become prototypes', async () => {
    const bytes = new TextEncoder().encode('{"a":1,"b":{"__proto__":{"c":2}}}')
    const { source } = open(undefined, { '/m/evil.json': { bytes } })
    const value = (await source.json('evil.json')) as { b: object }
    expect(Object.getOwnPropertyNames(value.b)).toEqual([])
  })

  it('gives up soon on a server that has never answered', async () => {
    const { source, server } = open(() => {
      throw new TypeError('fetch failed', { cause: new Error('getaddrinfo ENOTFOUND') })
    })
    const error = await thrown(source.json('config.json'))
    expect(error.name).toBe('ModelLoadError')
    expect(error.message).toMatch(/in 3 tries: https:\/\/host\.test could not be reached \(fetch failed: getaddrinfo ENOTFOUND\).*CORS/)
    expect(server.pauses).toEqual([500, 1000])
  })
})
