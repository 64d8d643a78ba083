import type { Grammar } from './grammar.ts'
import type { State } from './state.ts'
import { TokenMasks } from './token-mask.ts'
import type { TokenTrie } from './token-trie.ts'

const masksOf = new WeakMap<Grammar, WeakMap<TokenTrie, TokenMasks>>()

/** What is known about a grammar with a vocabulary, shared by all that read answers with both. */
function sharedMasks(grammar: Grammar, trie: TokenTrie): TokenMasks {
  let byTrie = masksOf.get(grammar)
  if (!byTrie) masksOf.set(grammar, (byTrie = new WeakMap()))
  let masks = byTrie.get(trie)
  if (!masks) byTrie.set(trie, (masks = new TokenMasks(grammar.automaton, trie)))
  return masks
}

/**
 * Follows one answer token by token, and tells which tokens may come next. Cheap to make: what is found out about a grammar and a
 * vocabulary is shared. The vocabulary should have a token for each byte that the grammar uses, as byte-level ones do; then there is
 * always a next token until the text may end.
 */
export class TokenMatcher {
  readonly #grammar: Grammar
  readonly #trie: TokenTrie
  readonly #endIds: ReadonlySet<number>
  readonly #masks: TokenMasks
  #state: State
  /** The key being written, without its opening quote. */
  #keyBytes: readonly number[] = []
  #ended = false

  /** @param endIds tokens that end an answer; they are never part of the text. */
  constructor(grammar: Grammar, trie: TokenTrie, endIds: ReadonlySet<number>) {
    this.#grammar = grammar
    this.#trie = trie
    this.#endIds = endIds
    this.#masks = sharedMasks(grammar, trie)
    this.#state = grammar.automaton.start
  }

  /** A fresh mask: bit j of word i is set if token 32 i + j may come next; of the end tokens exactly when the text may end here. */
  mask(): Uint32Array {
    const mask = this.#ended ? new Uint32Array(Math.ceil(this.#trie.size / 32)) : this.#masks.of(this.#state, this.#keyBytes).slice()
    for (const id of this.#endIds) {
      if (id < 0 || id >= this.#trie.size) continue
      if (this.canEnd) mask[id >> 5]! |= 1 << (id & 31)
      else mask[id >> 5]! &= ~(1 << (id & 31))
    }
    return mask
  }

  /** Moves on by a token. False, and nothing changed, if it may not come. After an end token only end tokens may. */
  accept(token: number): boolean {
    if (this.#endIds.has(token)) {
      if (this.canEnd) this.#ended = true
      return this.canEnd
    }
    const { size, starts, texts } = this.#trie
    if (this.#ended || !Number.isInteger(token) || token < 0 || token >= size) return false
    const start = starts[token]!
    const end = starts[token + 1]!
    if (start === end) return false
    this.#grammar.automaton.tidy()
    let state = this.#state
    let key = [...this.#keyBytes]
    for (let i = start; i < end; i++) {
      const next = this.#grammar.automaton.step(state, texts[i]!, () => key)
      if (next === null) return false
      if (!next.inKey) key = []
      else if (state.inKey) key.push(texts[i]!)
      state = next
    }
    this.#state = state
    this.#keyBytes = key
    return true
  }

  /** Whether the text is complete as it stands. */
  get canEnd(): boolean {
    return this.#ended || this.#state.mayEnd
  }

  /** Whether nothing but an end may follow. */
  get isFinished(): boolean {
    if (!this.canEnd) return false
    if (this.#ended) return true
    for (let byte = 0; byte < 256; byte++) if (this.#grammar.automaton.step(this.#state, byte, () => this.#keyBytes) !== null) return false
    return true
  }
}
