import { BLOCK_SIZE } from '../layers/batch.ts'
import type { Sequence } from './sequence.ts'

/** The page that padding tokens write to. Never given out; unused entries of a block table are 0 and so point here. */
const TRASH_BLOCK = 0

interface CachedPrefix {
  readonly key: string
  /** Names this prefix in the keys of its continuations. */
  readonly id: number
}

/**
 * Hands out KV pages. A page may be shared: each holder counts. Pages that are full of computed tokens are known by their prefix, so
 * that a later sequence with the same beginning takes them over; when nobody holds them any more they stay, least recently used
 * first in line for reuse.
 *
 * A prefix is known by an exact key and no digest: the id of the prefix before it, the block's tokens, the media under them, and the
 * salt at the root. Equal keys therefore mean equal contents.
 */
export class KvCache {
  /** Pages that can be given out. */
  readonly total: number
  readonly #references: Uint32Array
  /** Pages nobody holds and nothing is known of. */
  readonly #blank = new Set<number>()
  /** Pages nobody holds whose contents can be taken over, least recently used first: a Set keeps the order of insertion. */
  readonly #reusable = new Set<number>()
  readonly #prefixOf = new Map<number, CachedPrefix>()
  readonly #blockByKey = new Map<string, number>()
  #nextId = 1

  /** blocks: pages in the KV tensors, the trash page included. */
  constructor(blocks: number) {
    this.total = blocks - 1
    this.#references = new Uint32Array(blocks)
    for (let block = TRASH_BLOCK + 1; block < blocks; block++) this.#blank.add(block)
  }

  get freeCount(): number {
    return this.#blank.size + this.#reusable.size
  }

  get usedCount(): number {
    return this.total - this.freeCount
  }

  referencesOf(block: number): number {
    return this.#references[block] ?? 0
  }

  /**
   * Gives a sequence without blocks the longest cached beginning of its tokens, always leaving at least one token to compute.
   * Returns the tokens it need not compute.
   */
  adopt(sequence: Sequence): number {
    if (sequence.blocks.length > 0) throw new Error(`sequence ${sequence.init.id} already holds blocks`)
    const usable = Math.floor((sequence.tokens.length - 1) / BLOCK_SIZE)
    for (let i = 0; i < usable; i++) {
      const block = this.#blockByKey.get(prefixKey(sequence, i))
      const prefix = block === undefined ? undefined : this.#prefixOf.get(block)
      if (block === undefined || !prefix) break
      this.#hold(block)
      sequence.blocks.push(block)
      sequence.prefixIds.push(prefix.id)
    }
    return sequence.blocks.length * BLOCK_SIZE
  }

  /** Makes room for `tokens` tokens. Returns false, changing nothing, if there are too few free pages. */
  reserve(sequence: Sequence, tokens: number): boolean {
    const missing = Math.ceil(tokens / BLOCK_SIZE) - sequence.blocks.length
    if (missing > this.freeCount) return false
    for (let i = 0; i < missing; i++) sequence.blocks.push(this.#takeFree())
    return true
  }

  /** Makes the blocks that are full of computed tokens known to later sequences. */
  publish(sequence: Sequence): void {
    const full = Math.floor(Math.min(sequence.computed, sequence.tokens.length) / BLOCK_SIZE)
    for (let i = sequence.prefixIds.length; i < full; i++) {
      const key = prefixKey(sequence, i)
      const known = this.#blockByKey.get(key)
      const knownPrefix = known === undefined ? undefined : this.#prefixOf.get(known)
      // Two sequences may have computed the same block side by side: the first one's stays the one that is found.
      const prefix = knownPrefix ?? { key, id: this.#nextId++ }
      const block = sequence.blocks[i]
      if (!knownPrefix && block !== undefined) {
        this.#prefixOf.set(block, prefix)
        this.#blockByKey.set(key, block)
      }
      sequence.prefixIds.push(prefix.id)
    }
  }

  /** Gives all of a sequence's blocks back, last first, so that long prefixes lose their ends before their beginnings. */
  release(sequence: Sequence): void {
    for (const block of sequence.blocks.toReversed()) this.#drop(block)
    sequence.blocks.length = 0
    sequence.prefixIds.length = 0
  }

  /** Forgets what all pages hold, so that none is taken over. Pages in use stay with their holders. */
  forget(): void {
    this.#prefixOf.clear()
    this.#blockByKey.clear()
    for (const block of this.#reusable) this.#blank.add(block)
    this.#reusable.clear()
  }

  #hold(block: number): void {
    this.#blank.delete(block)
    this.#reusable.delete(block)
    this.#references[block] = this.referencesOf(block) + 1
  }

  #drop(block: number): void {
    const left = this.referencesOf(block) - 1
    if (left < 0) throw new Error(`block ${block} was given back more often than it was taken`)
    this.#references[block] = left
    if (left > 0) return
    if (this.#prefixOf.has(block)) this.#reusable.add(block)
    else this.#blank.add(block)
  }

  #takeFree(): number {
    const [block] = this.#blank.size > 0 ? this.#blank : this.#reusable
    if (block === undefined) throw new Error('no free block')
    const prefix = this.#prefixOf.get(block)
    if (prefix) {
      this.#prefixOf.delete(block)
      this.#blockByKey.delete(prefix.key)
    }
    this.#hold(block)
    return block
  }
}

/** Everything the keys and values of block i depend on. */
function prefixKey(sequence: Sequence, i: number): string {
  const begin = i * BLOCK_SIZE
  const end = begin + BLOCK_SIZE
  const parent = i === 0 ? JSON.stringify([sequence.init.cacheSalt, sequence.shift]) : sequence.prefixIds[i - 1]
  const media = sequence.init.media.filter((item) => item.offset < end && item.offset + item.length > begin)
  const under = media.map((item) => JSON.stringify([item.offset - (item.row ?? 0) - begin, item.key]))
  return [parent, sequence.tokens.slice(begin, end).join(), ...under].join('|')
}
