import { describe, expect, it } from 'vitest'
import { type CacheEntry, listEntries, removeEntry } from '../../../src/cache/entries.ts'
import { type CachedWeights, type CacheLoad, loadThroughCache } from '../../../src/cache/weight-cache.ts'
import { thrown } from '../weights/thrown.ts'
import { FakeDisk } from './fake-disk.ts'

const bytesFor = (key: string, block: number): Uint8Array<ArrayBuffer> => new Uint8Array(100).fill(key.charCodeAt(0) + block)

const weights = (key: string, blocks = 3): CachedWeights => ({ key, model: `model ${key}`, recipe: 'q4', sizes: Array(blocks).fill(100) })

interface Outcome {
  readonly taken: number[]
  readonly fetched: number[]
  readonly warnings: string[]
}

/** Loads weights of blocks that can be told apart, and gives where each came from. */
async function load(disk: FakeDisk, entry: CachedWeights, options: Partial<CacheLoad> = {}): Promise<Outcome> {
  const outcome: Outcome = { taken: [], fetched: [], warnings: [] }
  await loadThroughCache(disk.root, entry, {
    take(block, bytes) {
      expect([...bytes]).toEqual([...bytesFor(entry.key, block)])
      outcome.taken.push(block)
    },
    async fetch(missing, sink) {
      for (const block of missing) {
        outcome.fetched.push(block)
        await sink?.store(block, bytesFor(entry.key, block))
      }
    },
    warn: (why) => outcome.warnings.push(why),
    ...options,
  })
  return outcome
}

const keysIn = async (disk: FakeDisk): Promise<string[]> => (await listEntries(disk.root)).map(({ key }) => key)

/** Loads these one after the other, so that the first is the one used longest ago. */
async function filled(...keys: string[]): Promise<FakeDisk> {
  const disk = new FakeDisk()
  for (const key of keys) {
    await load(disk, weights(key))
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return disk
}

describe('loadThroughCache', () => {
  it('fetches everything once and nothing after that', async () => {
    const disk = new FakeDisk()
    expect(await load(disk, weights('a'))).toEqual({ taken: [], fetched: [0, 1, 2], warnings: [] })
    expect(await load(disk, weights('a'))).toEqual({ taken: [0, 1, 2], fetched: [], warnings: [] })
    expect(await load(disk, weights('b'))).toEqual({ taken: [], fetched: [0, 1, 2], warnings: [] })
  })

  it('begins anew where blocks are cut in another way', async () => {
    const disk = await filled('a')
    expect((await load(disk, weights('a', 4))).fetched).toEqual([0, 1, 2, 3])
    expect((await load(disk, weights('a', 4))).taken).toEqual([0, 1, 2, 3])
  })

  it('goes on after a fetch that failed', async () => {
    const disk = new FakeDisk()
    const failing: CacheLoad['fetch'] = async (_missing, sink) => {
      await sink?.store(0, bytesFor('a', 0))
      await sink?.store(1, bytesFor('a', 1))
      throw new Error('no network')
    }
    expect((await thrown(load(disk, weights('a'), { fetch: failing }))).message).toBe('no network')
    expect(await load(disk, weights('a'))).toEqual({ taken: [0, 1], fetched: [2], warnings: [] })
  })

  it('keeps nothing of what turned out to be something else', async () => {
    const disk = new FakeDisk()
    const abandoning: CacheLoad['fetch'] = async (_missing, sink) => {
      await sink?.store(0, bytesFor('a', 0))
      sink?.abandon()
      await sink?.store(1, bytesFor('a', 1))
    }
    await load(disk, weights('a'), { fetch: abandoning })
    expect(await keysIn(disk)).toEqual([])
  })

  it('notes when an entry was of use', async () => {
    const disk = await filled('a', 'b')
    expect(await keysIn(disk)).toEqual(['a', 'b'])
    await load(disk, weights('a'))
    expect(await keysIn(disk)).toEqual(['b', 'a'])
  })

  it('takes the place of what was used longest ago when the browser gives no more', async () => {
    const disk = await filled('a', 'b', 'c')
    disk.quota = disk.paths.reduce((sum, path) => sum + disk.bytesOf(path).length, 0) + 100
    expect((await load(disk, weights('d'))).warnings).toEqual([])
    expect((await keysIn(disk)).sort()).toEqual(['b', 'c', 'd'])
    expect((await load(disk, weights('d'))).taken).toEqual([0, 1, 2])
  })

  it('leaves what other tabs are loading, and what this load needs itself', async () => {
    const disk = await filled('a', 'b', 'c')
    disk.quota = disk.paths.reduce((sum, path) => sum + disk.bytesOf(path).length, 0) + 100
    let release = (): void => undefined
    void disk.locks.request('ocellus-cache weights/a', { mode: 'shared' }, () => new Promise<void>((resolve) => (release = resolve)))
    await load(disk, weights('d'), { keep: ['b'] })
    expect((await keysIn(disk)).sort()).toEqual(['a', 'b', 'd'])
    release()
  })

  it('does without where there is no room at all, says so, and leaves nothing behind', async () => {
    const disk = await filled('a')
    disk.quota = 250
    const outcome = await load(disk, weights('b'))
    expect(outcome.fetched).toEqual([0, 1, 2])
    expect(outcome.warnings).toEqual(['the browser gives no room for its 300 bytes'])
    expect(await keysIn(disk)).toEqual([])
  })

  it('stops keeping when the disk is full in the middle, and goes on from there the next time', async () => {
    const disk = new FakeDisk()
    let writes = 0
    disk.fault = (_call, what) => {
      // The first write reserves the room.
      if (what === 'write data' && writes++ === 2) throw new DOMException('disk full', 'QuotaExceededError')
    }
    expect(await load(disk, weights('a'))).toEqual({ taken: [], fetched: [0, 1, 2], warnings: ['disk full'] })
    expect(await load(disk, weights('a'))).toEqual({ taken: [0], fetched: [1, 2], warnings: [] })
  })

  it('keeps to max_cache_bytes', async () => {
    const disk = await filled('a', 'b', 'c')
    await load(disk, weights('d'), { maxBytes: 700 })
    expect((await keysIn(disk)).sort()).toEqual(['c', 'd'])
    const outcome = await load(disk, weights('e', 8), { maxBytes: 700 })
    expect(outcome.warnings).toEqual(['its 800 bytes do not fit into max_cache_bytes, 700'])
    expect((await keysIn(disk)).sort()).toEqual(['c', 'd'])
  })

  it('sweeps up what a browser that ended has left unreadable', async () => {
    const disk = new FakeDisk()
    const folder = await (await disk.root.folder.getDirectoryHandle('weights', { create: true })).getDirectoryHandle('x', { create: true })
    await folder.getFileHandle('data', { create: true })
    await load(disk, weights('a'))
    expect(await keysIn(disk)).toEqual(['a'])
  })

  it('has two tabs fetch once, and the second read', async () => {
    const disk = new FakeDisk()
    const [one, two] = await Promise.all([load(disk, weights('a')), load(disk, weights('a'))])
    expect([one.fetched, two.fetched].map(({ length }) => length).sort()).toEqual([0, 3])
    expect([...one.taken, ...two.taken]).toEqual([0, 1, 2])
  })

  it('lets the next tab go on when the one that fetches fails', async () => {
    const disk = new FakeDisk()
    const failing: CacheLoad['fetch'] = async (_missing, sink) => {
      await sink?.store(0, bytesFor('a', 0))
      throw new Error('closed')
    }
    const [one, two] = await Promise.allSettled([load(disk, weights('a'), { fetch: failing }), load(disk, weights('a'))])
    expect(one.status).toBe('rejected')
    expect(two).toEqual({ status: 'fulfilled', value: { taken: [0], fetched: [1, 2], warnings: [] } })
  })

  it('fetches without a cache', async () => {
    const fetched: (readonly number[])[] = []
    const fetch = async (missing: readonly number[], sink: unknown): Promise<void> => {
      expect(sink).toBe(undefined)
      fetched.push(missing)
    }
    await loadThroughCache(undefined, weights('a'), { take: () => undefined, fetch, warn: () => undefined })
    expect(fetched).toEqual([[0, 1, 2]])
  })
})

describe('the list of entries', () => {
  it('says what there is and how much', async () => {
    const disk = await filled('a')
    await thrown(load(disk, weights('b'), { fetch: () => Promise.reject(new Error('no network')) }))
    const entries = (await listEntries(disk.root)).map(({ used, ...entry }) => ({ ...entry, dated: used > 1e12 }))
    const common = { kind: 'weights', recipe: 'q4', bytes: 300, dated: true }
    expect(entries.sort((x, y) => (x.key < y.key ? -1 : 1))).toEqual([
      { ...common, key: 'a', model: 'model a', complete: true },
      { ...common, key: 'b', model: 'model b', complete: false },
    ])
  })

  it('gives way to removal but for what is in use', async () => {
    const disk = await filled('a', 'b')
    let release = (): void => undefined
    void disk.locks.request('ocellus-cache weights/b', { mode: 'shared' }, () => new Promise<void>((resolve) => (release = resolve)))
    const removed = []
    for (const entry of await listEntries(disk.root)) removed.push([entry.key, await removeEntry(disk.root, entry as CacheEntry)])
    expect(removed).toEqual([
      ['a', true],
      ['b', false],
    ])
    release()
    expect(await keysIn(disk)).toEqual(['b'])
  })
})
