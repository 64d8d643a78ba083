/** Rows of the encoder cache's tensor that belong to one media item. */
export interface RowRange {
  readonly start: number
  readonly length: number
}

interface Entry extends RowRange {
  pins: number
}

/**
 * Where the embeddings of media lie: content hash → rows of one tensor [capacity, hidden]. Items nobody needs stay until their room
 * is wanted, least recently used first. Only bookkeeping; the rows themselves are the model runner's.
 */
export class EncoderCache {
  readonly capacity: number
  /** In order of last use, oldest first. */
  readonly #entries = new Map<string, Entry>()

  /** capacity: rows in the tensor. */
  constructor(capacity: number) {
    this.capacity = capacity
  }

  get usedRows(): number {
    let rows = 0
    for (const entry of this.#entries.values()) rows += entry.length
    return rows
  }

  /** The item's rows, if it is here. */
  find(key: string): RowRange | undefined {
    return this.#entries.get(key)
  }

  /** Keeps the item from being dropped until unpinned as often. Errors: it is not here. */
  pin(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry) throw new Error(`media ${key} is not in the encoder cache`)
    entry.pins++
    this.#entries.delete(key)
    this.#entries.set(key, entry)
  }

  unpin(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry || entry.pins === 0) throw new Error(`media ${key} is not pinned`)
    entry.pins--
  }

  /** Forgets an item whose rows were never written. */
  forget(key: string): void {
    this.#entries.delete(key)
  }

  /** Forgets every item that nobody holds. */
  clear(): void {
    for (const [key, { pins }] of [...this.#entries]) if (pins === 0) this.#entries.delete(key)
  }

  /** Sets rows aside for an item that is not here, dropping unpinned ones as needed. Undefined: pinned ones leave no room. */
  allocate(key: string, length: number): RowRange | undefined {
    const unpinned = [...this.#entries].filter(([, entry]) => entry.pins === 0).map(([name]) => name)
    // Drop nothing unless dropping all of them would help.
    if (this.#firstFit(length) === undefined && this.#firstFit(length, new Set(unpinned)) === undefined) return undefined
    let start = this.#firstFit(length)
    for (const name of unpinned) {
      if (start !== undefined) break
      this.#entries.delete(name)
      start = this.#firstFit(length)
    }
    if (start === undefined) return undefined
    const entry = { start, length, pins: 0 }
    this.#entries.set(key, entry)
    return entry
  }

  /** First gap of this length between the entries, not counting `ignored` ones. */
  #firstFit(length: number, ignored: ReadonlySet<string> = new Set()): number | undefined {
    const taken = [...this.#entries].filter(([name]) => !ignored.has(name)).map(([, entry]) => entry)
    taken.sort((a, b) => a.start - b.start)
    let start = 0
    for (const entry of taken) {
      if (entry.start - start >= length) return start
      start = entry.start + entry.length
    }
    return start + length <= this.capacity ? start : undefined
  }
}
