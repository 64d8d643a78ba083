import { compileGrammar, type Grammar, type GrammarSpec, makeTokenTrie, TokenMatcher, type TokenTrie } from '../grammar/index.ts'
import type { Tokenizer } from '../text/tokenizer.ts'
import { invalidRequestError, messageOf } from '../util/errors.ts'
import { LruMap } from '../util/lru-map.ts'
import type { ResolvedSampling } from './sampling.ts'
import { SequenceGrammar } from './sequence-grammar.ts'

/** What grammars need of a tokenizer. */
export type GrammarTokenizer = Pick<Tokenizer, 'vocabSize' | 'isSpecial' | 'tokenBytes'>

/** Compiled grammars kept for requests that ask for the same. One that is much used holds some tens of megabytes. */
const KEPT = 16

/** Makes grammars for a model's tokens. Nothing is prepared before the first request that wants one. */
export class Grammars {
  readonly #tokenizer: GrammarTokenizer
  readonly #compiled = new LruMap<string, Grammar>({ capacity: KEPT })
  #trie: TokenTrie | undefined

  constructor(tokenizer: GrammarTokenizer) {
    this.#tokenizer = tokenizer
  }

  /**
   * One grammar per continuation of a request, none if it asks for none.
   * Errors: InvalidRequestError for a schema or expression that cannot be had, and for one that only an empty text would meet.
   */
  make({ grammar: spec, n, endIds, stopIds }: ResolvedSampling): SequenceGrammar[] {
    if (!spec) return []
    const grammar = this.#compile(spec)
    const trie = this.#tokenTrie()
    // A stop id without a text of its own can only mean the end.
    const ends = new Set([...stopIds].filter((id) => endIds.has(id) || !this.#bytesOf(id)))
    const made = Array.from({ length: n }, () => new SequenceGrammar(new TokenMatcher(grammar, trie, ends)))
    made[0]?.check()
    if (made[0]?.isComplete)
      throw invalidRequestError(`structured_outputs (${spec.kind}) allows nothing but an empty answer; ask for at least one character.`)
    return made
  }

  #compile(spec: GrammarSpec): Grammar {
    try {
      const key = JSON.stringify(spec)
      let grammar = this.#compiled.get(key)
      if (!grammar) this.#compiled.set(key, (grammar = compileGrammar(spec)))
      return grammar
    } catch (error) {
      if (error instanceof Error && error.name === 'InvalidRequestError') throw error
      // A schema that holds itself, or is nested so deeply that it cannot even be walked through.
      throw invalidRequestError(`structured_outputs.${spec.kind} cannot be used: ${messageOf(error)}`)
    }
  }

  #tokenTrie(): TokenTrie {
    this.#trie ??= makeTokenTrie(this.#tokenizer.vocabSize, (id) => this.#bytesOf(id))
    return this.#trie
  }

  /** A token's bytes; undefined if it is no text, as special tokens and ids without a token are not. */
  #bytesOf(id: number): Uint8Array | undefined {
    if (this.#tokenizer.isSpecial(id)) return undefined
    const bytes = this.#tokenizer.tokenBytes(id)
    return bytes.length > 0 ? bytes : undefined
  }
}
