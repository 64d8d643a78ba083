import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Checkpoint, openCheckpoint, type StreamOptions } from '../../../src/weights/checkpoint.ts'
import { type ModelSource, subfolder } from '../../../src/weights/model-source.ts'
import { openSource } from '../../../src/weights/source.ts'
import { type FakeFile, type Fault, fakeServer } from './fake-server.ts'
import { byteTensors, withHeader } from './make-safetensors.ts'
import { thrown } from './thrown.ts'

const GOLDEN = new URL('../../goldens/qwen2_vl/checkpoint/', import.meta.url)
const SHARD_1 = 'model-00001-of-00002.safetensors'
const SHARD_2 = 'model-00002-of-00002.safetensors'
const INDEX = 'model.safetensors.index.json'

type Contents = Record<string, Uint8Array<ArrayBuffer> | object>

const bytesOf = (content: Contents[string]) => (content instanceof Uint8Array ? content : new TextEncoder().encode(JSON.stringify(content)))

/** The folder as picked files. */
const fromFiles = (contents: Contents): ModelSource =>
  openSource(Object.entries(contents).map(([name, content]) => new File([bytesOf(content)], name)))

/** The folder on a server, which sends bodies in pieces of `chunk` bytes. */
function fromServer(contents: Contents, fault?: Fault, chunk = 1000) {
  const files: Record<string, FakeFile> = {}
  for (const [name, content] of Object.entries(contents)) files[`/m/${name}`] = { bytes: bytesOf(content), etag: '"v1"' }
  const server = fakeServer(files, fault, chunk)
  return { files, server, source: openSource('https://host.test/m', { fetch: server.fetch, wait: server.wait }) }
}

const golden = (): Contents =>
  Object.fromEntries(readdirSync(GOLDEN).map((name) => [name, new Uint8Array(readFileSync(new URL(name, GOLDEN)))]))

/** Two shards of small tensors, with their index. */
function twoShards(change: Contents = {}): Contents {
  const weight_map = { a: SHARD_1, b: SHARD_1, c: SHARD_2 }
  return { [SHARD_1]: byteTensors({ a: 100, b: 60 }), [SHARD_2]: byteTensors({ c: 80 }, 9), [INDEX]: { weight_map }, ...change }
}

/** A tensor's bytes, by the plainest reading of the file. */
function plainly(contents: Contents, checkpoint: Checkpoint, name: string): Buffer {
  const { file } = checkpoint.tensors.get(name) as { file: string }
  const bytes = Buffer.from(contents[file] as Uint8Array)
  const header = 8 + Number(bytes.readBigUInt64LE(0))
  const [begin, end] = JSON.parse(bytes.subarray(8, header).toString())[name].data_offsets
  return bytes.subarray(header + begin, header + end)
}

interface Received {
  /** Tensor → its bytes, put together by their offsets. */
  readonly tensors: Map<string, Buffer>
  readonly chunks: [name: string, byteOffset: number, length: number][]
}

async function receive(checkpoint: Checkpoint, wanted: Record<string, number>, options?: StreamOptions): Promise<Received> {
  const tensors = new Map<string, Buffer>()
  const chunks: Received['chunks'] = []
  const list = Object.entries(wanted).map(([name, rowBytes]) => ({ name, rowBytes }))
  await checkpoint.streamTensors(
    list,
    (name, byteOffset, bytes) => {
      const { begin, end } = checkpoint.tensors.get(name) as { begin: number; end: number }
      const whole = tensors.get(name) ?? Buffer.alloc(end - begin)
      whole.set(bytes, byteOffset)
      tensors.set(name, whole)
      chunks.push([name, byteOffset, bytes.length])
      expect(bytes.byteOffset).toBe(0)
    },
    options,
  )
  return { tensors, chunks }
}

describe('opening a checkpoint', () => {
  it('knows every tensor of a real one in two shards', async () => {
    const checkpoint = await openCheckpoint(fromFiles(golden()))
    const { weight_map } = JSON.parse(Buffer.from(golden()[INDEX] as Uint8Array).toString())
    expect(Object.fromEntries([...checkpoint.tensors].map(([name, { file }]) => [name, file]))).toEqual(weight_map)
    expect(checkpoint.files.map(({ name }) => name)).toEqual([SHARD_1, SHARD_2])
    expect(checkpoint.tensors.get('visual.patch_embed.proj.weight')).toMatchObject({ dtype: 'BF16', shape: [32, 3, 2, 14, 14] })
  })

  it('takes one file, and prefers it to an index', async () => {
    const checkpoint = await openCheckpoint(fromFiles({ 'model.safetensors': byteTensors({ x: 5 }), [INDEX]: {} }))
    expect([...checkpoint.tensors.keys()]).toEqual(['x'])
  })

  it('reads headers only: one request to probe and one to read, per file', async () => {
    const { source, server } = fromServer(golden())
    await openCheckpoint(source)
    expect(server.requests.map(({ path }) => path.slice(3)).sort()).toEqual(
      ['model.safetensors', INDEX, INDEX, SHARD_1, SHARD_1, SHARD_2, SHARD_2].sort(),
    )
  })

  it.each<[string, Contents, RegExp]>([
    ['no weights', { 'config.json': {}, 'pytorch_model.bin': {} }, /has neither model\.safetensors nor model\.safetensors\.index\.json/],
    ['a bad header', { 'model.safetensors': withHeader('[]') }, /model\.safetensors is not a valid safetensors file/],
    [
      'an index without map',
      twoShards({ [INDEX]: { metadata: {} } }),
      /index\.json is not a valid shard index: it has no object 'weight_map'/,
    ],
    ['an index that is a list', twoShards({ [INDEX]: [1] }), /no object 'weight_map'/],
    ['an empty map', twoShards({ [INDEX]: { weight_map: {} } }), /weight_map is empty/],
    ['a shard that is a number', twoShards({ [INDEX]: { weight_map: { a: 5 } } }), /shard of 'a' is 5, not a file name/],
    ...['../x.safetensors', '/x.safetensors', 'a/x.safetensors', 'a\\x.safetensors', 'a\n.safetensors', '..safetensors', 'x.bin', ''].map(
      (shard): [string, Contents, RegExp] => [
        `a shard named ${JSON.stringify(shard)}`,
        twoShards({ [INDEX]: { weight_map: { a: shard } } }),
        /allowed are plain names ending in \.safetensors/,
      ],
    ),
    [
      'too many shards',
      twoShards({ [INDEX]: { weight_map: Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`t${i}`, `${i}.safetensors`])) } }),
      /more than 1000 shards/,
    ],
    ['a missing shard', { [INDEX]: { weight_map: { a: SHARD_1 } }, 'config.json': {} }, /has no file 'model-00001-of-00002\.safetensors'/],
    [
      'a tensor that its shard lacks',
      twoShards({ [SHARD_2]: byteTensors({}) }),
      /disagree: 'c' is not in model-00002-of-00002\.safetensors/,
    ],
    [
      'a tensor that the index lacks',
      twoShards({ [SHARD_2]: byteTensors({ c: 80, d: 1 }) }),
      /'d' is in model-00002\S+ but not in the index/,
    ],
    [
      'a tensor in two shards',
      twoShards({ [SHARD_2]: byteTensors({ c: 80, a: 100 }) }),
      /'a' is in model-00002\S+, the index says model-00001/,
    ],
    [
      'a tensor in another shard than the index says',
      twoShards({ [SHARD_1]: byteTensors({ a: 100 }), [SHARD_2]: byteTensors({ b: 60, c: 80 }) }),
      /'b' is in model-00002\S+, the index says model-00001\S+; 'b' is not in model-00001/,
    ],
  ])('refuses %s', async (_what, contents, message) => {
    const error = await thrown(openCheckpoint(fromFiles(contents)))
    expect(error.name).toBe('ModelLoadError')
    expect(error.message).toMatch(message)
  })

  it('takes the page of a development server for a missing single file', async () => {
    const { source, files } = fromServer(twoShards())
    files['/m/model.safetensors'] = { bytes: new TextEncoder().encode('<!doctype html>'), type: 'text/html' }
    expect((await openCheckpoint(source)).tensors.size).toBe(3)
  })

  it('ends when aborted', async () => {
    expect((await thrown(openCheckpoint(fromFiles(twoShards()), AbortSignal.abort()))).name).toBe('AbortError')
  })
})

describe('streaming tensors', () => {
  it.each<[string, (contents: Contents) => ModelSource]>([
    ['files', fromFiles],
    ['a server', (contents) => fromServer(contents).source],
    ['a server that sends in small pieces', (contents) => fromServer(contents, undefined, 13).source],
    [
      'a server without ranges',
      (contents) =>
        fromServer(contents, (answer, { path }) => {
          const content = contents[path.slice(3)]
          if (content === undefined) return answer
          return { status: 200, headers: { 'content-length': String(bytesOf(content).length) }, body: bytesOf(content) }
        }).source,
    ],
    ['a server that breaks every 50 000 bytes', (contents) => fromServer(contents, (answer) => ({ ...answer, breakAfter: 50_000 })).source],
  ])('gives exactly the bytes of a real checkpoint, from %s', async (_from, open) => {
    const contents = golden()
    const checkpoint = await openCheckpoint(open(contents))
    const wanted = Object.fromEntries([...checkpoint.tensors].map(([name, { shape }]) => [name, 2 * (shape.at(-1) as number)]))
    const { tensors } = await receive(checkpoint, wanted, { chunkBytes: 1000 })
    expect(tensors.size).toBe(checkpoint.tensors.size)
    for (const [name, bytes] of tensors) expect([name, bytes.equals(plainly(contents, checkpoint, name))]).toEqual([name, true])
  })

  it('cuts between rows, in order, and at the end of the tensor', async () => {
    const checkpoint = await openCheckpoint(fromFiles(twoShards()))
    const { chunks } = await receive(checkpoint, { c: 1, b: 100, a: 7 }, { chunkBytes: 32 })
    expect(chunks).toEqual([
      ['a', 0, 28],
      ['a', 28, 28],
      ['a', 56, 28],
      ['a', 84, 16],
      ['b', 0, 60],
      ['c', 0, 32],
      ['c', 32, 32],
      ['c', 64, 16],
    ])
  })

  it('keeps chunks to 8 MB', async () => {
    const rowBytes = 3000
    const contents = { 'model.safetensors': byteTensors({ big: 9_000_000 }) }
    const checkpoint = await openCheckpoint(fromFiles(contents))
    const { chunks, tensors } = await receive(checkpoint, { big: rowBytes })
    expect(chunks.map(([, , length]) => length)).toEqual([7_998_000, 1_002_000])
    expect(tensors.get('big')?.equals(plainly(contents, checkpoint, 'big'))).toBe(true)
  })

  it('asks for the wanted bytes only, and reads over small gaps', async () => {
    const megabyte = 1 << 20
    const contents = { 'model.safetensors': byteTensors({ a: 10, gap: megabyte, b: 20, none: 0, wide: megabyte + 1, c: 30 }) }
    const { source, server } = fromServer(contents, undefined, 1 << 16)
    const checkpoint = await openCheckpoint(source)
    const before = server.requests.length
    const { tensors } = await receive(checkpoint, { c: 30, none: 1, a: 10, b: 20 })
    const place = (name: string) => checkpoint.tensors.get(name) as { begin: number; end: number }
    expect(server.requests.slice(before).map(({ headers }) => headers['range'])).toEqual([
      `bytes=${place('a').begin}-${place('b').end - 1}`,
      `bytes=${place('c').begin}-${place('c').end - 1}`,
    ])
    expect([...tensors.keys()]).toEqual(['a', 'b', 'c'])
    for (const [name, bytes] of tensors) expect(bytes.equals(plainly(contents, checkpoint, name))).toBe(true)
  })

  it('reads a file once where the server knows no ranges', async () => {
    const contents = { 'model.safetensors': byteTensors({ a: 10, wide: 2 << 20, c: 30 }) }
    const body = bytesOf(contents['model.safetensors'])
    const { source, server } = fromServer(
      contents,
      () => ({ status: 200, headers: { 'content-length': String(body.length) }, body }),
      1 << 16,
    )
    const checkpoint = await openCheckpoint(source)
    const before = server.requests.length
    const { tensors } = await receive(checkpoint, { a: 10, c: 30 })
    expect(server.requests.length - before).toBe(1)
    for (const [name, bytes] of tensors) expect(bytes.equals(plainly(contents, checkpoint, name))).toBe(true)
  })

  it('waits for the receiver before it goes on', async () => {
    const checkpoint = await openCheckpoint(fromFiles(twoShards()))
    let busy = 0
    let most = 0
    let chunks = 0
    const wanted = ['a', 'b', 'c'].map((name) => ({ name, rowBytes: 10 }))
    const receiver = async () => {
      most = Math.max(most, ++busy)
      chunks++
      await new Promise((resolve) => setTimeout(resolve, 1))
      busy--
    }
    await checkpoint.streamTensors(wanted, receiver, { chunkBytes: 20 })
    expect([busy, most, chunks]).toEqual([0, 1, 12])
  })

  it('reports bytes per file, from 0 to the total', async () => {
    const checkpoint = await openCheckpoint(fromServer(twoShards(), undefined, 50).source)
    const events: [string, number, number][] = []
    await receive(checkpoint, { a: 10, c: 10 }, { onProgress: (...event) => events.push(event) })
    expect(events).toEqual([
      [SHARD_1, 0, 100],
      [SHARD_1, 50, 100],
      [SHARD_1, 100, 100],
      [SHARD_2, 0, 80],
      [SHARD_2, 50, 80],
      [SHARD_2, 80, 80],
    ])
  })

  it('begins a file again when a new version of it appears, and ends with the new bytes', async () => {
    const { files, source } = fromServer(twoShards(), (answer, _request, n) => (n === 7 ? { ...answer, breakAfter: 50 } : answer), 25)
    const checkpoint = await openCheckpoint(source)
    const got = new Map<string, Buffer>()
    const events: [string, number, number][] = []
    const fresh = { [SHARD_1]: byteTensors({ b: 60, a: 100 }, 77) }
    const store = (name: string, byteOffset: number, bytes: Uint8Array) => {
      if (got.size === 0) files[`/m/${SHARD_1}`] = { bytes: fresh[SHARD_1] as Uint8Array, etag: '"v2"' }
      const { begin, end } = checkpoint.tensors.get(name) as { begin: number; end: number }
      const whole = got.get(name) ?? Buffer.alloc(end - begin)
      whole.set(bytes, byteOffset)
      got.set(name, whole)
    }
    const wanted = ['a', 'b', 'c'].map((name) => ({ name, rowBytes: 10 }))
    await checkpoint.streamTensors(wanted, store, { chunkBytes: 20, onProgress: (...event) => events.push(event) })
    expect(got.get('a')?.equals(plainly(fresh, checkpoint, 'a'))).toBe(true)
    expect(got.get('b')?.equals(plainly(fresh, checkpoint, 'b'))).toBe(true)
    expect(events.filter(([file, loaded]) => file === SHARD_1 && loaded === 0)).toHaveLength(2)
  })

  it('reads shards in a folder of the model, and again when one is replaced', async () => {
    const { files, source } = fromServer(twoShards())
    for (const [path, file] of Object.entries(files)) files[path.replace('/m/', '/m/part/')] = file
    const checkpoint = await openCheckpoint(subfolder(source, 'part'))
    const fresh = { [SHARD_2]: byteTensors({ c: 80 }, 33) }
    files[`/m/part/${SHARD_2}`] = { bytes: fresh[SHARD_2] as Uint8Array, etag: '"v2"' }
    const { tensors } = await receive(checkpoint, { b: 10, c: 10 })
    expect(tensors.get('b')).toEqual(plainly(twoShards(), await openCheckpoint(source), 'b'))
    expect([...(tensors.get('c') as Buffer)]).toEqual([...(fresh[SHARD_2] as Uint8Array).subarray(-80)])
  })

  it('gives up on a new version that holds other tensors', async () => {
    const { files, source } = fromServer(twoShards())
    const checkpoint = await openCheckpoint(source)
    files[`/m/${SHARD_1}`] = { bytes: byteTensors({ a: 99, b: 61 }), etag: '"v2"' }
    const error = await thrown(receive(checkpoint, { a: 10 }))
    expect(error.name).toBe('ModelLoadError')
    expect(error.message).toMatch(/was replaced while it was being read: 'a' was U8 \[100\], now U8 \[99\]\. Load the model again/)
  })

  it('gives up on a file that changes every time', async () => {
    let version = 0
    const { source } = fromServer(twoShards(), (answer, { path }) => ({
      ...answer,
      headers: path.endsWith('00001-of-00002.safetensors') && version > 0 ? { ...answer.headers, etag: `"${version++}"` } : answer.headers,
    }))
    const checkpoint = await openCheckpoint(source)
    version = 1
    expect((await thrown(receive(checkpoint, { a: 10 }))).message).toContain('changed on the server while it was being read')
  })

  it.each<[string, { name: string; rowBytes: number }[], RegExp]>([
    [
      'names that are not there',
      [
        { name: 'x', rowBytes: 1 },
        { name: 'a', rowBytes: 1 },
        { name: 'y', rowBytes: 1 },
      ],
      /has no tensor 'x', 'y'/,
    ],
    [
      'a name given twice',
      [
        { name: 'a', rowBytes: 1 },
        { name: 'a', rowBytes: 2 },
      ],
      /'a' was asked for twice/,
    ],
    ['rows without bytes', [{ name: 'a', rowBytes: 0 }], /'a' was asked for in rows of 0 bytes/],
  ])('refuses %s', async (_what, wanted, message) => {
    const checkpoint = await openCheckpoint(fromFiles(twoShards()))
    const error = await thrown(checkpoint.streamTensors(wanted, () => undefined))
    expect(error.name).toBe('ModelLoadError')
    expect(error.message).toMatch(message)
  })

  it('hands on what the receiver throws, and ends the connection', async () => {
    const { source, server } = fromServer(twoShards())
    const checkpoint = await openCheckpoint(source)
    const before = server.requests.length
    const failing = () => {
      throw new RangeError('no room')
    }
    expect((await thrown(checkpoint.streamTensors([{ name: 'a', rowBytes: 1 }], failing))).message).toBe('no room')
    expect(server.requests.length - before).toBe(1)
  })

  it('ends when aborted between two chunks', async () => {
    const checkpoint = await openCheckpoint(fromFiles(twoShards()))
    const stop = new AbortController()
    let chunks = 0
    const onChunk = () => {
      chunks++
      stop.abort()
    }
    const streaming = checkpoint.streamTensors([{ name: 'a', rowBytes: 10 }], onChunk, { signal: stop.signal, chunkBytes: 10 })
    expect((await thrown(streaming)).name).toBe('AbortError')
    expect(chunks).toBe(1)
  })
})
