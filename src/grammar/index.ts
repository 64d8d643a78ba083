export { compileGrammar, type Grammar, type GrammarSpec } from './grammar.ts'
export { TokenMatcher } from './token-matcher.ts'
export { makeTokenTrie, type TokenTrie } from './token-trie.ts'
