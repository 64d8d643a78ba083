/** Told of a file's bytes as they are in the checkpoint; cached: they came from the disk. */
export type TellProgress = (file: string, loaded: number, total: number, cached: boolean) => void

/** Some bytes of a tensor. */
interface Part {
  readonly name: string
  readonly length: number
}

/** Adds up what came from the cache and what is streamed, file by file. */
export class FileProgress {
  readonly #fileOf: (name: string) => string
  readonly #tell: TellProgress | undefined
  readonly #totals = new Map<string, number>()
  readonly #cached = new Map<string, number>()
  readonly #streamed = new Set<string>()

  constructor(tensors: readonly { name: string; bytes: number }[], fileOf: (name: string) => string, tell: TellProgress | undefined) {
    this.#fileOf = fileOf
    this.#tell = tell
    for (const { name, bytes } of tensors) this.#totals.set(fileOf(name), (this.#totals.get(fileOf(name)) ?? 0) + bytes)
  }

  cached(pieces: readonly Part[]): void {
    const files = new Set(pieces.map(({ name }) => this.#fileOf(name)))
    for (const file of files) if (!this.#cached.has(file)) this.#tell?.(file, 0, this.#totals.get(file) ?? 0, true)
    this.#add(pieces, 1)
    for (const file of files) {
      const total = this.#totals.get(file) ?? 0
      // Its end is told when it is certain that every block was whole.
      this.#tell?.(file, Math.min(this.#cached.get(file) ?? 0, total - 1), total, true)
    }
  }

  lost(pieces: readonly Part[]): void {
    this.#add(pieces, -1)
  }

  restart(): void {
    this.#cached.clear()
  }

  readonly streamed = (file: string, loaded: number, total: number): void => {
    const before = this.#cached.get(file) ?? 0
    this.#streamed.add(file)
    this.#tell?.(file, before + loaded, before + total, false)
  }

  finish(): void {
    for (const [file, total] of this.#totals) if (!this.#streamed.has(file)) this.#tell?.(file, total, total, true)
  }

  #add(pieces: readonly Part[], sign: 1 | -1): void {
    for (const { name, length } of pieces) {
      const file = this.#fileOf(name)
      this.#cached.set(file, (this.#cached.get(file) ?? 0) + sign * length)
    }
  }
}
