import { describe, expect, it } from 'vitest'
import { collect } from '../../../src/weights/model-source.ts'
import { openSource } from '../../../src/weights/source.ts'
import { thrown } from './thrown.ts'

const BYTES = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 255)

function file(path: string, content: string | Uint8Array<ArrayBuffer>, picked = false): File {
  const made = new File([content], path.split('/').at(-1) as string, { lastModified: 5 })
  // Only browsers set this, on files of a picked folder.
  return picked ? Object.defineProperty(made, 'webkitRelativePath', { value: path }) : made
}

type Entry = File | { [name: string]: Entry }

const named = (name: string) => Object.assign(new Error(name), { name })

/** A directory handle over plain objects, as browsers give it. */
function handle(name: string, entries: { [name: string]: Entry }): FileSystemDirectoryHandle {
  return {
    kind: 'directory',
    name,
    async getFileHandle(child: string) {
      const entry = entries[child]
      if (!entry) throw named('NotFoundError')
      if (!(entry instanceof File)) throw named('TypeMismatchError')
      return { kind: 'file', name: child, getFile: async () => entry }
    },
    async getDirectoryHandle(child: string) {
      const entry = entries[child]
      if (!entry) throw named('NotFoundError')
      if (entry instanceof File) throw named('TypeMismatchError')
      return handle(child, entry)
    },
  } as unknown as FileSystemDirectoryHandle
}

const kinds: [string, () => ReturnType<typeof openSource>][] = [
  [
    'files by name',
    () => openSource([file('config.json', '{"a":1}'), file('bad.json', '{'), file('w.bin', BYTES), file('latin.txt', Uint8Array.of(0xe9))]),
  ],
  [
    'the files of a picked folder',
    () =>
      openSource([
        file('my model/sub/config.json', '{"a":2}', true),
        file('my model/config.json', '{"a":1}', true),
        file('my model/bad.json', '{', true),
        file('my model/w.bin', BYTES, true),
        file('my model/latin.txt', Uint8Array.of(0xe9), true),
      ]),
  ],
  [
    'a folder handle',
    () =>
      openSource(
        handle('my model', {
          'config.json': file('config.json', '{"a":1}'),
          'bad.json': file('bad.json', '{'),
          'w.bin': file('w.bin', BYTES),
          'latin.txt': file('latin.txt', Uint8Array.of(0xe9)),
          sub: { 'config.json': file('config.json', '{"a":2}') },
        }),
      ),
  ],
]

describe('a file that has just been made', () => {
  it('has no version, for its time tells nothing of its content', async () => {
    const ages = [0, 50_000, 70_000].map((age) => new File(['x'], `${age}`, { lastModified: Date.now() - age }))
    const source = openSource(ages)
    const versions = await Promise.all(ages.map(async ({ name }) => (await source.open(name)).version !== undefined))
    expect(versions).toEqual([false, false, true])
  })
})

describe.each(kinds)('a model from %s', (_kind, open) => {
  it('reads text, JSON and any part of a file', async () => {
    const source = open()
    expect(await source.json('config.json')).toEqual({ a: 1 })
    expect(await source.text('bad.json')).toBe('{')
    expect(await source.exists('w.bin')).toBe(true)
    const opened = await source.open('w.bin')
    expect([opened.name, opened.size, opened.version, opened.ranged]).toEqual(['w.bin', 300_000, '5', true])
    for (const [begin, end] of [
      [0, 300_000],
      [0, 0],
      [299_999, 300_000],
      [65_535, 200_001],
    ] as const) {
      expect(Buffer.compare(await opened.read(begin, end), BYTES.subarray(begin, end))).toBe(0)
      expect(Buffer.compare(await collect(opened.stream(begin, end), end - begin), BYTES.subarray(begin, end))).toBe(0)
    }
  })

  it.each<[string, string, RegExp]>([
    ['a missing file', 'tokenizer.json', /has no file 'tokenizer\.json'/],
    ['bad JSON', 'bad.json', /bad\.json is not valid JSON/],
    ['bytes that are not UTF-8', 'latin.txt', /latin\.txt is not UTF-8/],
    ['a path out of the folder', '../config.json', /no valid file name/],
    ['a file in a folder that is a file', 'w.bin/config.json', /has no file/],
  ])('refuses %s', async (_what, path, message) => {
    const error = await thrown(open().json(path))
    expect(error.name).toBe('ModelLoadError')
    expect(error.message).toMatch(message)
  })

  it('says that a missing file is missing', async () => {
    const source = open()
    expect(await source.exists('tokenizer.json')).toBe(false)
    expect(await source.exists('sub/none.json')).toBe(false)
    expect((await thrown(source.open('tokenizer.json'))).message).toContain("has no file 'tokenizer.json'")
  })

  it('refuses bytes outside the file', async () => {
    const opened = await open().open('w.bin')
    expect((await thrown(opened.read(0, 300_001))).name).toBe('RangeError')
    expect((await thrown(collect(opened.stream(5, 300_001), 300_000))).name).toBe('RangeError')
  })

  it('ends when aborted', async () => {
    const opened = await open().open('w.bin')
    const stop = new AbortController()
    let pieces = 0
    const reading = (async () => {
      for await (const piece of opened.stream(0, 300_000, stop.signal)) {
        if (piece.length > 0) pieces++
        stop.abort()
      }
    })()
    expect((await thrown(reading)).name).toBe('AbortError')
    expect(pieces).toBe(1)
    expect((await thrown(opened.read(0, 10, stop.signal))).name).toBe('AbortError')
  })
})

describe('files of a folder below the one that was picked', () => {
  it('are found by the topmost config.json', async () => {
    const picked = [
      file('models/readme.md', 'x', true),
      file('models/tiny/config.json', '{"a":3}', true),
      file('models/tiny/v/config.json', '{}', true),
    ]
    const source = openSource(picked)
    expect(source.name).toBe('models/tiny')
    expect(await source.json('config.json')).toEqual({ a: 3 })
    expect(await source.json('v/config.json')).toEqual({})
    expect(await source.exists('readme.md')).toBe(false)
  })

  it('may not be given twice', async () => {
    const error = await thrown(Promise.resolve().then(() => openSource([file('config.json', '{}'), file('config.json', '{}')])))
    expect(error.message).toContain("Two of the files given are named 'config.json'")
  })
})

describe('a file that cannot be read', () => {
  it('is named, with what to do', async () => {
    const broken = file('w.bin', BYTES)
    Object.defineProperty(broken, 'slice', {
      value: () => ({ arrayBuffer: async () => Promise.reject(named('NotReadableError')) }),
    })
    const opened = await openSource([broken]).open('w.bin')
    const error = await thrown(opened.read(0, 10))
    expect(error.name).toBe('ModelLoadError')
    expect(error.message).toMatch(/w\.bin could not be read: NotReadableError\. Was it changed or removed after it was chosen/)
  })

  it('says so when its folder may no longer be read', async () => {
    const locked = handle('my model', {})
    Object.assign(locked, { getFileHandle: async () => Promise.reject(named('NotAllowedError')) })
    const error = await thrown(openSource(locked).exists('config.json'))
    expect(error.message).toMatch(/'config\.json' in folder 'my model' could not be opened.*Ask for permission again/)
  })
})
