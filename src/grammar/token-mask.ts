import { LruMap } from '../util/lru-map.ts'
import type { Automaton } from './automaton.ts'
import type { Local, State } from './state.ts'
import type { TokenTrie } from './token-trie.ts'

/** What may be written while one thing is being written, whatever is around it. */
interface Profile {
  /** The tokens that stay within it or end with it, one bit each. */
  readonly mask: Uint32Array
  /** The nodes of the tree at which it may be done and longer tokens go on with what is around. */
  readonly exits: readonly number[]
}

/** Of masks, and of profiles, per grammar: several hundred of each for a vocabulary of 150,000. */
const CACHE_BYTES = 8 * 2 ** 20
const FRESH: readonly number[] = []

/** Which tokens may come next in each state of one automaton, for one vocabulary. Answers are remembered, oldest forgotten first. */
export class TokenMasks {
  readonly #automaton: Automaton
  readonly #trie: TokenTrie
  readonly #masks = new LruMap<State, Uint32Array>({ capacity: CACHE_BYTES, sizeOf: (mask) => mask.byteLength })
  readonly #profiles = new LruMap<string, Profile>({
    capacity: CACHE_BYTES,
    sizeOf: ({ mask, exits }) => mask.byteLength + 8 * exits.length,
  })

  constructor(automaton: Automaton, trie: TokenTrie) {
    this.#automaton = automaton
    this.#trie = trie
  }

  /** The tokens that may come in a state, one bit each; not to be changed. `keyBytes`: the key so far, if the state is within one. */
  of(state: State, keyBytes: readonly number[]): Uint32Array {
    this.#automaton.tidy()
    return this.#of(state, keyBytes)
  }

  #of(state: State, keyBytes: readonly number[]): Uint32Array {
    const known = this.#masks.get(state)
    if (known) return known
    const mask = new Uint32Array(Math.ceil(this.#trie.size / 32))
    // Within a key much depends on the state as a whole, and with nothing around there is nothing to be shared.
    const whole = state.inKey || state.frames.every(({ around }) => around === this.#automaton.end)
    const lasting = whole ? this.#walk(0, state, mask, keyBytes) : this.#addFrames(state, mask)
    if (lasting) this.#masks.set(state, mask)
    return mask
  }

  #addFrames(state: State, mask: Uint32Array): true {
    for (const { local, around } of state.frames) {
      const profile = this.#profileOf(local)
      add(mask, profile.mask)
      if (around === this.#automaton.end) continue
      for (const node of profile.exits) {
        if (node === 0) add(mask, this.#of(around, FRESH))
        else this.#walk(node, around, mask, FRESH)
      }
    }
    return true
  }

  #profileOf(local: Local): Profile {
    const known = this.#profiles.get(local.key)
    if (known) return known
    const mask = new Uint32Array(Math.ceil(this.#trie.size / 32))
    const exits: number[] = []
    const alone = this.#automaton.within(local, this.#automaton.end)
    this.#walk(0, alone, mask, FRESH, (node) => exits.push(node))
    const profile = { mask, exits }
    this.#profiles.set(local.key, profile)
    return profile
  }

  /**
   * Follows the tree below a node, at which the text stands in `from`, and sets the bits of the tokens met. Answers whether that
   * depends on the state alone: not if a key was closed whose beginning is only in `keyBytes`, and another one read after it.
   */
  #walk(top: number, from: State, mask: Uint32Array, keyBytes: readonly number[], onEnd?: (node: number) => void): boolean {
    const { bytes, depths, ends, firstToken, tokens } = this.#trie
    const base = depths[top]!
    const path: State[] = [from]
    const pathBytes: number[] = []
    const end = ends[top]!
    let lasting = true
    let depth = 0
    const keySoFar = () => keyAt(path, pathBytes, depth, keyBytes)
    if (onEnd && from.mayEnd) onEnd(top)
    for (let node = top + 1; node < end; ) {
      depth = depths[node]! - base - 1
      const state = path[depth]!
      const byte = bytes[node]!
      if (lasting && depth > 0 && from.inKey && state.inKey) lasting = isFirstKey(path, depth)
      const cached = state.next?.[byte]
      const next = cached === undefined ? this.#automaton.step(state, byte, keySoFar) : cached
      if (next === null) {
        node = ends[node]!
        continue
      }
      path[depth + 1] = next
      pathBytes[depth] = byte
      for (let i = firstToken[node]!; i < firstToken[node + 1]!; i++) mask[tokens[i]! >> 5]! |= 1 << (tokens[i]! & 31)
      if (onEnd && next.mayEnd && ends[node]! > node + 1) onEnd(node)
      node++
    }
    return lasting
  }
}

function add(to: Uint32Array, from: Uint32Array): void {
  for (let i = 0; i < to.length; i++) to[i]! |= from[i]!
}

/** Whether all states up to a depth stand within the key in which the path begins. */
function isFirstKey(path: readonly State[], depth: number): boolean {
  for (let i = depth - 1; i > 0; i--) if (!path[i]!.inKey) return false
  return true
}

/** The bytes of the key in which the state at a depth stands. */
function keyAt(path: readonly State[], bytes: readonly number[], depth: number, before: readonly number[]): number[] {
  for (let i = depth; i >= 0; i--) if (!path[i]!.inKey) return bytes.slice(i + 1, depth)
  return [...before, ...bytes.slice(0, depth)]
}
