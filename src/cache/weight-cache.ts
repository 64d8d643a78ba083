import { messageOf } from '../util/errors.ts'
import { sha256Hex } from '../util/sha256.ts'
import { type CacheRoot, entryFolder, NoLockError, withEntry } from './cache-root.ts'
import { dropEntry, evictOne, evictTo, markUsed, sweep } from './entries.ts'
import { isQuotaExceeded } from './sync-file.ts'
import { sumOf } from './weight-index.ts'
import { readBlocks, type TakeBlock } from './weight-reader.ts'
import { WeightWriter } from './weight-writer.ts'

/** A model's converted weights, cut into blocks. */
export interface CachedWeights {
  /** Names source and recipe: what was written under it is what would be written again. */
  readonly key: string
  /** For people. */
  readonly model: string
  readonly recipe: string
  /** Bytes of each block. */
  readonly sizes: readonly number[]
}

/** Where fetched blocks are put. */
export interface BlockSink {
  /** Takes the bytes over. Never fails: a cache that cannot be written is gone without. */
  store(block: number, bytes: Uint8Array<ArrayBuffer>): Promise<void>
  /** What has been and will be fetched is something else than the key says: nothing of it may be kept. */
  abandon(): void
}

/** What a load does beside reading from the cache. */
export interface CacheLoad {
  readonly take: TakeBlock
  /** Fetches these blocks and uses them; with a sink it also hands them on. */
  fetch(missing: readonly number[], sink: BlockSink | undefined): Promise<void>
  readonly signal?: AbortSignal | undefined
  /** Told, once, why the weights will not be there next time. */
  readonly warn: (why: string) => void
  /** Most bytes that all entries together may take. Default: as the browser allows. */
  readonly maxBytes?: number | undefined
  /** Keys of other entries that this load needs. */
  readonly keep?: readonly string[] | undefined
}

/**
 * Loads weights: blocks that are kept come from the disk, the others are fetched and kept. Tabs that load the same take turns, so that one
 * fetches and the others read. Whatever goes wrong with the storage, the weights are loaded. Errors: those of `take` and `fetch`; the
 * signal's reason.
 */
export async function loadThroughCache(root: CacheRoot | undefined, weights: CachedWeights, load: CacheLoad): Promise<void> {
  const all = [...weights.sizes.keys()]
  if (!root) return load.fetch(all, undefined)
  const { key, sizes } = weights
  const entry = { kind: 'weights', key } as const
  const { signal, take } = load
  let missing: number[] = all
  const read = async (): Promise<void> => {
    const folder = await entryFolder(root, 'weights', key, false).catch(() => undefined)
    missing = await readBlocks(folder, sizes, missing, take, signal)
  }
  try {
    await withEntry(root, entry, { mode: 'shared', signal }, read)
    if (missing.length > 0) {
      await withEntry(root, entry, { mode: 'exclusive', signal }, async () => {
        // Another tab may have written them while this one waited.
        await read()
        if (missing.length > 0) await fetchAndKeep(root, weights, load, missing)
      })
    }
  } catch (error) {
    if (!(error instanceof NoLockError)) throw error
    return load.fetch(missing, undefined)
  }
  await markUsed(root, 'weights', key)
}

async function fetchAndKeep(root: CacheRoot, weights: CachedWeights, load: CacheLoad, missing: readonly number[]): Promise<void> {
  const writer = await openWriter(root, weights, load).catch((error: unknown) => {
    load.warn(messageOf(error))
    return undefined
  })
  if (!writer) return load.fetch(missing, undefined)
  const sink = new Sink(writer, load.warn)
  try {
    await load.fetch(missing, sink)
  } finally {
    await sink.end()
    if (sink.abandoned) await dropEntry(root, 'weights', weights.key).catch(() => false)
  }
}

/** Makes room as far as that is allowed. Errors: those of the storage. */
async function openWriter(root: CacheRoot, { key, model, recipe, sizes }: CachedWeights, load: CacheLoad): Promise<WeightWriter> {
  const keep = new Set([key, ...(load.keep ?? [])])
  const { maxBytes } = load
  await sweep(root, keep)
  if (maxBytes !== undefined && !(await evictTo(root, maxBytes - sumOf(sizes), keep))) {
    throw new Error(`its ${sumOf(sizes)} bytes do not fit into max_cache_bytes, ${maxBytes}`)
  }
  const header = { version: 1, model, recipe, sizes, created: Date.now() } as const
  for (;;) {
    try {
      return await WeightWriter.open(await entryFolder(root, 'weights', key, true), header)
    } catch (error) {
      if (!isQuotaExceeded(error)) throw error
      if (await evictOne(root, keep)) continue
      await dropEntry(root, 'weights', key)
      throw new Error(`the browser gives no room for its ${sumOf(sizes)} bytes`)
    }
  }
}

/** Sums and writes one block while the next is fetched. */
class Sink implements BlockSink {
  readonly #writer: WeightWriter
  readonly #warn: (why: string) => void
  #writing: Promise<void> = Promise.resolve()
  #over = false
  abandoned = false

  constructor(writer: WeightWriter, warn: (why: string) => void) {
    this.#writer = writer
    this.#warn = warn
  }

  async store(block: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#writing
    if (!this.#over) this.#writing = this.#write(block, bytes)
  }

  abandon(): void {
    this.#over = true
    this.abandoned = true
  }

  async end(): Promise<void> {
    await this.#writing
    this.#writer.close()
  }

  async #write(block: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      const sum = await sha256Hex(bytes)
      if (!this.#over) this.#writer.write(block, bytes, sum)
    } catch (error) {
      this.#over = true
      this.#warn(messageOf(error))
    }
  }
}
