import type { CacheRoot } from '../../../src/cache/cache-root.ts'
import { FakeLocks } from './fake-locks.ts'

/** A file: what the disk has for certain, and what it has been told since. */
interface FakeFile {
  durable: Uint8Array<ArrayBuffer>
  bytes: Uint8Array<ArrayBuffer>
  readers: number
  writers: number
}

interface FakeFolder {
  readonly folders: Map<string, FakeFolder>
  readonly files: Map<string, FakeFile>
}

/** What is left of writes that were not flushed when the machine went down. */
export type Loss = 'all' | 'half' | 'nothing'

const fail = (name: string, message: string = name): never => {
  throw new DOMException(message, name)
}

/** An origin's private file system in memory. Every call counts, and may be made to fail. */
export class FakeDisk {
  /** Calls so far: of folders, files and handles. */
  calls = 0
  /** Sees every call before it is done, with its number from 0; what it throws is what the caller gets. */
  fault: (call: number, what: string) => void = () => undefined
  /** Bytes that all files together may have. */
  quota = Number.POSITIVE_INFINITY
  /** False: one handle a file whatever its mode, as in Safari. */
  manyReaders = true
  readonly locks = new FakeLocks()
  readonly #top: FakeFolder

  constructor(top: FakeFolder = { folders: new Map(), files: new Map() }) {
    this.#top = top
  }

  get root(): CacheRoot {
    return { folder: this.#folder('ocellus', this.#top), locks: this.locks.manager }
  }

  /** What a new start finds after the machine went down now: unflushed writes are lost, there by half, or there. */
  afterCrash(loss: Loss): FakeDisk {
    const copy = ({ folders, files }: FakeFolder): FakeFolder => ({
      folders: new Map([...folders].map(([name, folder]) => [name, copy(folder)])),
      files: new Map([...files].map(([name, file]) => [name, fileOf(leftOf(file, loss))])),
    })
    return new FakeDisk(copy(this.#top))
  }

  /** Paths of all files, and the bytes of one of them. */
  get paths(): string[] {
    const walk = ({ folders, files }: FakeFolder, prefix: string): string[] => [
      ...[...files.keys()].map((name) => prefix + name),
      ...[...folders].flatMap(([name, folder]) => walk(folder, `${prefix}${name}/`)),
    ]
    return walk(this.#top, '').sort()
  }

  bytesOf(path: string): Uint8Array<ArrayBuffer> {
    const names = path.split('/')
    const name = names.pop() as string
    const folder = names.reduce((at, part) => at.folders.get(part) as FakeFolder, this.#top)
    return (folder.files.get(name) as FakeFile).bytes
  }

  #call(what: string): void {
    this.fault(this.calls++, what)
  }

  #used(folder: FakeFolder = this.#top): number {
    const files = [...folder.files.values()].reduce((sum, file) => sum + file.bytes.length, 0)
    return [...folder.folders.values()].reduce((sum, each) => sum + this.#used(each), files)
  }

  #folder(name: string, folder: FakeFolder): FileSystemDirectoryHandle {
    const handle = {
      kind: 'directory',
      name,
      getDirectoryHandle: async (child: string, { create = false } = {}) => {
        this.#call(`folder ${child}`)
        if (!folder.folders.has(child) && !create) fail('NotFoundError')
        if (!folder.folders.has(child)) folder.folders.set(child, { folders: new Map(), files: new Map() })
        return this.#folder(child, folder.folders.get(child) as FakeFolder)
      },
      getFileHandle: async (child: string, { create = false } = {}) => {
        this.#call(`file ${child}`)
        if (!folder.files.has(child) && !create) fail('NotFoundError')
        if (!folder.files.has(child)) folder.files.set(child, fileOf(new Uint8Array()))
        return this.#file(child, folder.files.get(child) as FakeFile)
      },
      removeEntry: async (child: string, { recursive = false } = {}) => {
        this.#call(`remove ${child}`)
        const inner = folder.folders.get(child)
        const files = inner ? [...inner.files.values()] : [folder.files.get(child) ?? fail('NotFoundError')]
        if (inner && !recursive && inner.files.size > 0) fail('InvalidModificationError')
        if (files.some((file) => file.readers + file.writers > 0)) fail('NoModificationAllowedError')
        folder.folders.delete(child)
        folder.files.delete(child)
      },
      entries: () => this.#entries(folder),
    }
    return handle as unknown as FileSystemDirectoryHandle
  }

  async *#entries(folder: FakeFolder): AsyncGenerator<[string, FileSystemHandle]> {
    this.#call('entries')
    for (const [name, inner] of [...folder.folders]) yield [name, this.#folder(name, inner)]
    for (const [name, file] of [...folder.files]) yield [name, this.#file(name, file)]
  }

  #file(name: string, file: FakeFile): FileSystemFileHandle {
    const handle = {
      kind: 'file',
      name,
      getFile: async () => {
        this.#call(`getFile ${name}`)
        return new File([file.bytes], name)
      },
      createSyncAccessHandle: async ({ mode = 'readwrite' }: { mode?: string } = {}) => {
        this.#call(`open ${name}`)
        const reads = mode === 'read-only' && this.manyReaders
        if (file.writers > 0 || (!reads && file.readers > 0)) fail('NoModificationAllowedError')
        return this.#handle(name, file, reads)
      },
    }
    return handle as unknown as FileSystemFileHandle
  }

  #handle(name: string, file: FakeFile, reads: boolean): object {
    const count = reads ? 'readers' : 'writers'
    file[count]++
    const isRoom = (size: number): boolean => this.#used() - file.bytes.length + size <= this.quota
    const resize = (size: number): void => {
      const bytes = new Uint8Array(size)
      bytes.set(file.bytes.subarray(0, size))
      file.bytes = bytes
    }
    let open = true
    return {
      read: (into: Uint8Array, { at }: { at: number }) => {
        this.#call(`read ${name}`)
        const part = file.bytes.subarray(at, at + into.length)
        into.set(part)
        return part.length
      },
      write: (bytes: Uint8Array, { at }: { at: number }) => {
        this.#call(`write ${name}`)
        if (reads) fail('NoModificationAllowedError')
        if (!isRoom(Math.max(file.bytes.length, at + bytes.length))) return -8 >>> 0
        if (at + bytes.length > file.bytes.length) resize(at + bytes.length)
        else file.bytes = file.bytes.slice()
        file.bytes.set(bytes, at)
        return bytes.length
      },
      truncate: (size: number) => {
        this.#call(`truncate ${name}`)
        resize(size)
      },
      getSize: () => file.bytes.length,
      flush: () => {
        this.#call(`flush ${name}`)
        file.durable = file.bytes.slice()
      },
      close: () => {
        if (open) file[count]--
        open = false
        this.#call(`close ${name}`)
      },
    }
  }
}

const fileOf = (bytes: Uint8Array<ArrayBuffer>): FakeFile => ({ durable: bytes, bytes: bytes.slice(), readers: 0, writers: 0 })

function leftOf({ durable, bytes }: FakeFile, loss: Loss): Uint8Array<ArrayBuffer> {
  if (loss === 'nothing') return bytes.slice()
  if (loss === 'all') return durable.slice()
  const half = bytes.slice()
  const middle = Math.ceil(bytes.length / 2)
  half.set(durable.subarray(middle, bytes.length), middle)
  half.fill(0, Math.max(middle, durable.length))
  return half
}
