/** A file open for reading and writing without waiting: FileSystemSyncAccessHandle, which browsers have in dedicated workers only. */
export interface SyncFile {
  /** Bytes read; fewer than asked for at the end of the file. */
  read(into: Uint8Array<ArrayBuffer>, options: { at: number }): number
  write(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number
  truncate(size: number): void
  getSize(): number
  flush(): void
  close(): void
}

interface Openable {
  createSyncAccessHandle(options?: { mode: 'read-only' | 'readwrite' }): Promise<SyncFile>
}

/** Whether this thread can write files. */
export const canWriteFiles = (): boolean =>
  typeof FileSystemFileHandle === 'function' && 'createSyncAccessHandle' in FileSystemFileHandle.prototype

/** Opens a file for writing, which must not be open anywhere else. Errors: NoModificationAllowedError, NotFoundError. */
export async function openForWriting(folder: FileSystemDirectoryHandle, name: string): Promise<SyncFile> {
  const handle = await folder.getFileHandle(name, { create: true })
  return (handle as FileSystemFileHandle & Openable).createSyncAccessHandle()
}

/** Reads parts of a file. */
export interface PartReader {
  /** The bytes from `at` as far as the file has them; valid until the next read. */
  read(at: number, length: number): Promise<Uint8Array<ArrayBuffer>>
  close(): void
}

/**
 * Opens a file for reading beside other readers: directly where the browser has that for several at once, else through a Blob.
 * Errors: NotFoundError.
 */
export async function openForReading(folder: FileSystemDirectoryHandle, name: string): Promise<PartReader> {
  const handle = (await folder.getFileHandle(name)) as FileSystemFileHandle & Openable
  try {
    const file = await handle.createSyncAccessHandle({ mode: 'read-only' })
    let buffer = new Uint8Array(0)
    return {
      async read(at, length) {
        if (buffer.length < length) buffer = new Uint8Array(length)
        const into = buffer.subarray(0, length)
        return into.subarray(0, file.read(into, { at }))
      },
      close: () => closeQuietly(file),
    }
  } catch {
    // Safari has one handle for a file at a time.
    const file = await handle.getFile()
    return { read: async (at, length) => new Uint8Array(await file.slice(at, at + length).arrayBuffer()), close: () => undefined }
  }
}

/** A whole small file. Errors: NotFoundError. */
export async function readWhole(folder: FileSystemDirectoryHandle, name: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await (await folder.getFileHandle(name)).getFile()).arrayBuffer())
}

/** Writes all bytes or throws QuotaExceededError: Chromium, where there is no room, throws nothing and gives a negative number as if unsigned. */
export function writeAll(file: SyncFile, bytes: Uint8Array<ArrayBuffer>, at: number): void {
  if (file.write(bytes, { at }) !== bytes.length) throw new DOMException("the browser's storage is full", 'QuotaExceededError')
}

/** Closes a file; what counts has been flushed before. */
export function closeQuietly(file: SyncFile): void {
  try {
    file.close()
  } catch {
    // Nothing depends on it.
  }
}

export const isQuotaExceeded = (thrown: unknown): boolean => (thrown as { name?: unknown } | undefined)?.name === 'QuotaExceededError'
