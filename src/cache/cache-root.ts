/** Where models are kept from visit to visit: a folder of the origin's private file system, and the locks that order its users. */
export interface CacheRoot {
  readonly folder: FileSystemDirectoryHandle
  readonly locks: Pick<LockManager, 'request'>
}

/** Converted weights, or the small files of a model's folder. */
export type EntryKind = 'weights' | 'files'

export const ENTRY_KINDS: readonly EntryKind[] = ['weights', 'files']

/** Opens the folder; undefined where the browser has none, or gives none to this page (private windows, sandboxed frames). */
export async function openCacheRoot(): Promise<CacheRoot | undefined> {
  const { storage, locks } = (globalThis.navigator ?? {}) as Partial<Navigator>
  if (!storage || !('getDirectory' in storage) || !locks) return undefined
  try {
    return { folder: await (await storage.getDirectory()).getDirectoryHandle('ocellus', { create: true }), locks }
  } catch {
    return undefined
  }
}

/** An entry's folder. Errors: NotFoundError unless it is made; those of the storage. */
export async function entryFolder(root: CacheRoot, kind: EntryKind, key: string, create: boolean): Promise<FileSystemDirectoryHandle> {
  const parent = await root.folder.getDirectoryHandle(kind, { create })
  return parent.getDirectoryHandle(key, { create })
}

/** Thrown when a lock could not even be asked for: there are no locks here after all. */
export class NoLockError extends Error {}

/**
 * Works on an entry under its lock: 'shared' to read it, 'exclusive' to write or remove it. Waits for the lock, or with ifAvailable gives
 * undefined where another tab has it. Errors: the signal's reason while it waits, NoLockError, those of `work`.
 */
export async function withEntry<T>(
  root: CacheRoot,
  entry: { kind: EntryKind; key: string },
  { mode, signal, ifAvailable }: { mode: LockMode; signal?: AbortSignal | undefined; ifAvailable?: boolean },
  work: () => Promise<T>,
): Promise<T | undefined> {
  signal?.throwIfAborted()
  let begun = false
  // A signal and ifAvailable exclude each other.
  const options: LockOptions = ifAvailable ? { mode, ifAvailable } : signal ? { mode, signal } : { mode }
  try {
    return await root.locks.request(`ocellus-cache ${entry.kind}/${entry.key}`, options, async (lock) => {
      begun = true
      return lock ? await work() : undefined
    })
  } catch (error) {
    if (begun) throw error
    signal?.throwIfAborted()
    throw new NoLockError('The cache could not be locked.', { cause: error })
  }
}
