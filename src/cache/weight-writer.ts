import { closeQuietly, openForWriting, type SyncFile, writeAll } from './sync-file.ts'
import { blockLine, headerLine, readIndex, sumOf, type WeightHeader } from './weight-index.ts'

/**
 * Writes blocks of an entry whose exclusive lock is held. Data is on the disk before the index says so; the other order could leave an
 * index that promises what is not there.
 */
export class WeightWriter {
  readonly #data: SyncFile
  readonly #index: SyncFile
  readonly #sizes: readonly number[]
  #end: number

  private constructor(data: SyncFile, index: SyncFile, sizes: readonly number[], end: number) {
    this.#data = data
    this.#index = index
    this.#sizes = sizes
    this.#end = end
  }

  /** Goes on with what is there, if it was written for the same blocks, or starts anew. Errors: those of the storage; QuotaExceededError. */
  static async open(folder: FileSystemDirectoryHandle, header: WeightHeader): Promise<WeightWriter> {
    const kept = await readIndex(folder).catch(() => undefined)
    const goesOn = kept?.header.sizes.join() === header.sizes.join()
    const index = await openForWriting(folder, 'index')
    let data: SyncFile | undefined
    try {
      data = await openForWriting(folder, 'data')
      // A line that was cut off would spoil the next one.
      index.truncate(goesOn ? kept.length : 0)
      index.flush()
      // The last byte first, so that a quota that is too small is noticed before anything is fetched. Chromium counts writes, not truncate().
      const bytes = sumOf(header.sizes)
      if (data.getSize() !== bytes) {
        data.truncate(0)
        writeAll(data, new Uint8Array(1), bytes - 1)
      }
      data.flush()
      const line = goesOn ? undefined : headerLine(header)
      if (line) {
        writeAll(index, line, 0)
        index.flush()
      }
      return new WeightWriter(data, index, header.sizes, line ? line.length : (kept?.length ?? 0))
    } catch (error) {
      closeQuietly(index)
      if (data) closeQuietly(data)
      throw error
    }
  }

  /** Errors: those of the storage; the writer is then of no more use. */
  write(block: number, bytes: Uint8Array<ArrayBuffer>, sha256: string): void {
    writeAll(this.#data, bytes, sumOf(this.#sizes.slice(0, block)))
    this.#data.flush()
    const line = blockLine(block, sha256)
    writeAll(this.#index, line, this.#end)
    this.#end += line.length
  }

  close(): void {
    closeQuietly(this.#data)
    try {
      this.#index.flush()
    } catch {
      // Lines that are lost make blocks be fetched again.
    }
    closeQuietly(this.#index)
  }
}
