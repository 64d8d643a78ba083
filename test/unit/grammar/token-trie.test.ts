import { describe, expect, it } from 'vitest'
import { compileGrammar, makeTokenTrie, TokenMatcher } from '../../../src/grammar/index.ts'
import { allows, END_ID, matcherOf, randomOf, TOKENS, TRIE } from './vocabulary.ts'

/** Every token with the bytes on the way to it, read back from the tree. */
function readBack(trie: ReturnType<typeof makeTokenTrie>): Map<number, string> {
  const found = new Map<number, string>()
  const path: number[] = []
  for (let node = 1; node < trie.ends[0]!; node++) {
    path.length = trie.depths[node]! - 1
    path.push(trie.bytes[node]!)
    for (let i = trie.firstToken[node]!; i < trie.firstToken[node + 1]!; i++) found.set(trie.tokens[i]!, path.join())
  }
  return found
}

describe('the tree of tokens', () => {
  it('leads to every token with bytes over its bytes, and to no other', () => {
    const random = randomOf(1)
    // Few different bytes, zero among them, so that tokens share beginnings; some are alike, some are empty, some have no bytes.
    const tokens = Array.from({ length: 3000 }, () =>
      random(9) === 0 ? undefined : Uint8Array.from({ length: random(12) }, () => random(3)),
    )
    const expected = new Map(tokens.flatMap((token, id) => (token && token.length > 0 ? [[id, token.join()] as const] : [])))
    expect(readBack(makeTokenTrie(tokens.length, (id) => tokens[id]))).toEqual(expected)
  })

  it('has each beginning only once', () => {
    const trie = makeTokenTrie(4, (id) => [[1, 2], [1, 2, 3], [1], [1, 2]].map((bytes) => Uint8Array.from(bytes))[id])
    expect([...trie.bytes]).toEqual([0, 1, 2, 3])
    expect([...trie.tokens]).toEqual([2, 0, 3, 1])
  })
})

describe('a token matcher', () => {
  const grammar = compileGrammar({ kind: 'choice', texts: ['foo', 'foobar'] })
  const id = (text: string) => TOKENS.findIndex((token) => token && new TextDecoder().decode(token) === text)

  it('lets the end come exactly where the text may end, and nothing after it', () => {
    const matcher = matcherOf(grammar)
    const seen = [[allows(matcher.mask(), END_ID), matcher.canEnd, matcher.isFinished]]
    matcher.accept(id('foo'))
    seen.push([allows(matcher.mask(), END_ID), matcher.canEnd, matcher.isFinished])
    matcher.accept(id('bar'))
    seen.push([allows(matcher.mask(), END_ID), matcher.canEnd, matcher.isFinished])
    expect(seen).toEqual([
      [false, false, false],
      [true, true, false],
      [true, true, true],
    ])
    expect(matcher.accept(END_ID)).toBe(true)
    expect([...matcher.mask()].filter((word) => word !== 0)).toEqual([1])
    expect(matcher.accept(id('foo'))).toBe(false)
  })

  it('is unchanged by a token that may not come', () => {
    const matcher = matcherOf(grammar)
    expect([id('bar'), END_ID, 1, -1, TOKENS.length, 0.5].map((token) => matcher.accept(token))).toEqual(Array(6).fill(false))
    expect([matcher.accept(id('fo')), matcher.accept(id('o')), matcher.canEnd]).toEqual([true, true, true])
  })

  it('gives masks of its own, for end tokens of its own, beside others of the same grammar', () => {
    const first = matcherOf(grammar)
    const second = new TokenMatcher(grammar, TRIE, new Set([1]))
    first.mask().fill(0)
    for (const matcher of [first, second]) matcher.accept(id('foo'))
    expect([END_ID, 1].map((end) => allows(first.mask(), end))).toEqual([true, false])
    expect([END_ID, 1].map((end) => allows(second.mask(), end))).toEqual([false, true])
  })

  it('never allows an end token as text', () => {
    const quote = id('"')
    const matcher = new TokenMatcher(compileGrammar({ kind: 'json', schema: true, whitespace: 'none' }), TRIE, new Set([quote]))
    expect(allows(matcher.mask(), quote)).toBe(false)
    expect(matcher.accept(quote)).toBe(false)
  })

  it('goes on after the states known so far are forgotten', () => {
    const objects = compileGrammar({ kind: 'json_object', whitespace: 'none' })
    const matcher = matcherOf(objects)
    const write = (text: string) => [...text].every((char) => matcher.accept(char.charCodeAt(0) + 2))
    expect(write('{')).toBe(true)
    for (let i = 0; i < 4000; i++) expect(write(`"k${i}":[${i}],`)).toBe(true)
    expect(write('"k17')).toBe(true)
    expect(write('"')).toBe(false)
    expect(write('x":1}')).toBe(true)
    expect(matcher.isFinished).toBe(true)
  })
})
