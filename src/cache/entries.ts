import { type CacheRoot, ENTRY_KINDS, type EntryKind, entryFolder, withEntry } from './cache-root.ts'
import { readPackManifest } from './file-pack.ts'
import { closeQuietly, openForWriting, readWhole, writeAll } from './sync-file.ts'
import { readIndex, sumOf } from './weight-index.ts'

/** Something that is kept. */
export interface CacheEntry {
  readonly kind: EntryKind
  readonly key: string
  /** The model as it was named when this was written; undefined for what a browser that ended has left unreadable. */
  readonly model: string | undefined
  /** How weights are stored, in words; '' for small files. */
  readonly recipe: string
  /** Bytes set aside on the disk. */
  readonly bytes: number
  /** False for weights of which some are still to be fetched. */
  readonly complete: boolean
  /** When it was last loaded from or written, in milliseconds since 1970; 0 if that cannot be told. */
  readonly used: number
}

/** Everything that is kept, least recently used first. Errors: those of the storage. */
export async function listEntries(root: CacheRoot): Promise<CacheEntry[]> {
  const entries: CacheEntry[] = []
  for (const kind of ENTRY_KINDS) {
    const parent = await root.folder.getDirectoryHandle(kind, { create: true })
    for await (const [key, handle] of parent.entries()) {
      if (handle.kind === 'directory') entries.push(await describeEntry(kind, key, handle as FileSystemDirectoryHandle))
    }
  }
  return entries.sort((a, b) => a.used - b.used)
}

async function describeEntry(kind: EntryKind, key: string, folder: FileSystemDirectoryHandle): Promise<CacheEntry> {
  const used = await usedAt(folder)
  if (kind === 'files') {
    const pack = await readPackManifest(folder)
    return { kind, key, model: pack?.model, recipe: '', bytes: pack?.bytes ?? 0, complete: true, used }
  }
  const index = await readIndex(folder).catch(() => undefined)
  if (!index) return { kind, key, model: undefined, recipe: '', bytes: 0, complete: false, used }
  const { model, recipe, sizes, created } = index.header
  return { kind, key, model, recipe, bytes: sumOf(sizes), complete: index.blocks.size === sizes.length, used: used || created }
}

async function usedAt(folder: FileSystemDirectoryHandle): Promise<number> {
  const text = await readWhole(folder, 'used').then(
    (bytes) => new TextDecoder().decode(bytes),
    () => '',
  )
  return /^\d+$/.test(text) ? Number(text) : 0
}

/** Notes that an entry has just been of use. What goes wrong is of no consequence. */
export async function markUsed(root: CacheRoot, kind: EntryKind, key: string): Promise<void> {
  try {
    const file = await openForWriting(await entryFolder(root, kind, key, false), 'used')
    try {
      file.truncate(0)
      writeAll(file, new TextEncoder().encode(String(Date.now())), 0)
      file.flush()
    } finally {
      closeQuietly(file)
    }
  } catch {
    // Another tab may be noting the same.
  }
}

/** Removes an entry unless somebody is reading or writing it. Gives whether it is gone. Errors: those of the storage. */
export async function removeEntry(root: CacheRoot, { kind, key }: Pick<CacheEntry, 'kind' | 'key'>): Promise<boolean> {
  const gone = await withEntry(root, { kind, key }, { mode: 'exclusive', ifAvailable: true }, () => dropEntry(root, kind, key))
  return gone ?? false
}

/** Removes an entry whose lock is held. Gives true. Errors: those of the storage. */
export async function dropEntry(root: CacheRoot, kind: EntryKind, key: string): Promise<boolean> {
  try {
    await (await root.folder.getDirectoryHandle(kind)).removeEntry(key, { recursive: true })
  } catch (error) {
    if ((error as Error).name !== 'NotFoundError') throw error
  }
  return true
}

/** Removes the least recently used entry that nobody uses and that `keep` does not name. Gives false if there is none. */
export async function evictOne(root: CacheRoot, keep: ReadonlySet<string>): Promise<boolean> {
  for (const entry of await listEntries(root)) {
    if (!keep.has(entry.key) && (await removeEntry(root, entry))) return true
  }
  return false
}

/** Removes what browsers that ended in the middle have left unreadable. Errors: those of the storage. */
export async function sweep(root: CacheRoot, keep: ReadonlySet<string>): Promise<void> {
  for (const entry of await listEntries(root)) {
    if (entry.model === undefined && !keep.has(entry.key)) await removeEntry(root, entry)
  }
}

/** Evicts until all entries but those of `keep` take `bytes` at most. Gives whether that could be done. */
export async function evictTo(root: CacheRoot, bytes: number, keep: ReadonlySet<string>): Promise<boolean> {
  if (bytes < 0) return false
  const others = (await listEntries(root)).filter(({ key }) => !keep.has(key))
  let taken = others.reduce((sum, entry) => sum + entry.bytes, 0)
  for (const entry of others) {
    if (taken <= bytes) return true
    if (await removeEntry(root, entry)) taken -= entry.bytes
  }
  return taken <= bytes
}
