/** What an LruMap may hold, and what becomes of values that have to go. */
export interface LruOptions<V> {
  /** Most that the sizes of all values may add up to. The newest value stays even if it alone is larger. */
  readonly capacity: number
  /** Size of a value; by default each counts 1. */
  readonly sizeOf?: (value: V) => number
  /** Called for every value that is dropped, replaced or cleared. */
  readonly onDrop?: (value: V) => void
}

/** A map that drops its least recently used entries when they outgrow it. Reading an entry uses it. */
export class LruMap<K, V> {
  readonly #entries = new Map<K, V>()
  readonly #options: LruOptions<V>
  #size = 0

  constructor(options: LruOptions<V>) {
    this.#options = options
  }

  get count(): number {
    return this.#entries.size
  }

  get size(): number {
    return this.#size
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, value)
    return value
  }

  set(key: K, value: V): void {
    this.delete(key)
    this.#entries.set(key, value)
    this.#size += this.#sizeOf(value)
    for (const oldest of [...this.#entries.keys()]) {
      if (this.#size <= this.#options.capacity || this.#entries.size === 1) return
      this.delete(oldest)
    }
  }

  delete(key: K): void {
    const value = this.#entries.get(key)
    if (value === undefined) return
    this.#entries.delete(key)
    this.#size -= this.#sizeOf(value)
    this.#options.onDrop?.(value)
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key)
  }

  #sizeOf(value: V): number {
    return this.#options.sizeOf?.(value) ?? 1
  }
}
