import { openCacheRoot } from '../cache/cache-root.ts'
import { type CacheEntry, listEntries, removeEntry } from '../cache/entries.ts'
import { pageUrl } from './make-worker.ts'

/** A model, or part of one, that lies in the browser's storage. */
export interface CachedModel {
  /** The model as its repository or folder is named: a Hub id, or an absolute URL. */
  readonly model: string
  /** Converted weights, or config, tokenizer and the like. */
  readonly kind: 'weights' | 'files'
  /** How weights are stored, such as 'float16, q4'; '' for files. One model may be there in several ways. */
  readonly recipe: string
  readonly bytes: number
  /** False for weights of which some are still to be fetched: the next load goes on where the last one ended. */
  readonly complete: boolean
  /** When it was last written or loaded from; undefined if that cannot be told. */
  readonly lastUsed: Date | undefined
}

/** What LLM keeps of models in the browser's storage (OPFS), for this origin. Where there is no such storage it is empty. */
export interface ModelCache {
  /** All that is kept, least recently used first. */
  list(): Promise<CachedModel[]>
  /** Bytes of all that is kept. */
  size(): Promise<number>
  /**
   * Removes a model (Hub id, or URL of its folder), or all of them, and gives the bytes that became free. What is being loaded at the moment
   * stays.
   */
  clear(model?: string | URL): Promise<number>
  /** Asks the browser not to clear this origin's storage when the disk is full. Some ask the user. Gives whether it agreed. */
  persist(): Promise<boolean>
}

/** The cache of this page's origin. */
export const modelCache: ModelCache = {
  async list() {
    const entries = await allEntries()
    return entries.flatMap(({ model, kind, recipe, bytes, complete, used }) =>
      model === undefined ? [] : [{ model, kind, recipe, bytes, complete, lastUsed: used > 0 ? new Date(used) : undefined }],
    )
  },
  async size() {
    return (await allEntries()).reduce((sum, { bytes }) => sum + bytes, 0)
  },
  async clear(model) {
    const root = await openCacheRoot()
    if (!root) return 0
    const name = model === undefined ? undefined : plainName(model)
    let freed = 0
    for (const entry of await listEntries(root)) {
      const fits = name === undefined || (entry.model !== undefined && plainName(entry.model) === name)
      if (fits && (await removeEntry(root, entry))) freed += entry.bytes
    }
    return freed
  },
  persist: async () => (await globalThis.navigator?.storage?.persist?.()) ?? false,
}

async function allEntries(): Promise<CacheEntry[]> {
  const root = await openCacheRoot()
  return root ? await listEntries(root) : []
}

/** Addresses are made absolute, and compared without the '/' at their end. */
function plainName(model: string | URL): string {
  const name = String(model)
  const address = /^(\/|\.\.?(\/|$))/.test(name) ? new URL(name, pageUrl()).href : name
  return address.replace(/\/+$/, '')
}
