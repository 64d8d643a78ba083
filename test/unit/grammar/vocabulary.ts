import type { Grammar, TokenTrie } from '../../../src/grammar/index.ts'
import { makeTokenTrie, TokenMatcher } from '../../../src/grammar/index.ts'

const encoder = new TextEncoder()

/** Pieces of JSON and of words as byte-level vocabularies have them: several JSON tokens in one, half characters, half escapes. */
const PIECES = [
  ...[
    '":',
    '": ',
    '":"',
    '","',
    '", "',
    '{"',
    '"}',
    '"}}',
    '},{',
    '}, {',
    '[[',
    ']]',
    '[]',
    '{}',
    '""',
    ' "',
    ': ',
    ', ',
    '\n  ',
    '\n    ',
    '  ',
    ',\n',
  ],
  ...[
    'true',
    'tr',
    'ue',
    'fal',
    'se,',
    'null',
    'nu',
    'll}',
    'null,"',
    '1,',
    '1.',
    '.0',
    '00',
    '12',
    '-1',
    '0,0',
    '1}',
    '10',
    'e+',
    'E1',
    '99',
  ],
  ...[
    'foo',
    'fo',
    'ba',
    'bar',
    'baz"',
    'foo":',
    '"foo":1',
    '"bar":2',
    'oo',
    'aa',
    'ab',
    '1":',
    '":"","a',
    'a":1,"a":',
    '\\u',
    '\\u00',
    '\\"',
    'ud8',
    '\\n',
    'the ',
    'http',
  ],
  ...['é', 'üb', '漢', '€', '😀', '💩"', '日本'],
]
/** Ends and beginnings of multi-byte characters. */
const PARTS = [
  [0xe2, 0x82],
  [0x82, 0xac],
  [0xf0, 0x9f],
  [0x9f, 0x98],
  [0x98, 0x80, 0x22],
  [0x22, 0xf0, 0x9f],
  [0xc3],
  [0xa9, 0xc3],
  [0xb2, 0xa9],
]

export const END_ID = 0
/** Token 0 ends the answer and 1 is special; then come all bytes, then the pieces. */
export const TOKENS: readonly (Uint8Array | undefined)[] = [
  undefined,
  undefined,
  ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
  ...PIECES.map((piece) => encoder.encode(piece)),
  ...PARTS.map((part) => Uint8Array.from(part)),
]
export const TRIE: TokenTrie = makeTokenTrie(TOKENS.length, (id) => TOKENS[id])
export const byteToken = (byte: number): number => byte + 2

export const matcherOf = (grammar: Grammar): TokenMatcher => new TokenMatcher(grammar, TRIE, new Set([END_ID]))
export const allows = (mask: Uint32Array, token: number): boolean => ((mask[token >> 5]! >>> (token & 31)) & 1) === 1

/** Numbers from 0 up to, not with, n, always the same for a seed. */
export function randomOf(seed: number): (n: number) => number {
  let state = seed >>> 0
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n
  }
}

/** Cuts bytes into tokens: `pick` chooses among those that fit, from the shortest to the longest. */
export function tokenize(bytes: Uint8Array, pick: (count: number) => number): number[] {
  const tokens: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const fitting = TOKENS.flatMap((token, id) => (token && fits(token, bytes, at) ? [id] : []))
    fitting.sort((a, b) => TOKENS[a]!.length - TOKENS[b]!.length)
    const token = fitting[pick(fitting.length)]!
    tokens.push(token)
    at += TOKENS[token]!.length
  }
  return tokens
}

const fits = (token: Uint8Array, bytes: Uint8Array, at: number): boolean =>
  at + token.length <= bytes.length && token.every((byte, i) => bytes[at + i] === byte)

function acceptsTokens(grammar: Grammar, tokens: readonly number[], withMasks: boolean): boolean {
  const matcher = matcherOf(grammar)
  for (const token of tokens) {
    const allowed = withMasks ? allows(matcher.mask(), token) : undefined
    const accepted = matcher.accept(token)
    if (allowed !== undefined && accepted !== allowed) throw new Error(`the mask says ${allowed} of token ${token}, accept does not`)
    if (!accepted) return false
  }
  if (withMasks && allows(matcher.mask(), END_ID) !== matcher.canEnd) throw new Error('the mask and canEnd differ')
  return matcher.canEnd
}

const cutTexts = new Map<string, number[][]>()

/** A text as single bytes, as the longest tokens that fit, and cut at random. */
function cutsOf(text: string): number[][] {
  let cuts = cutTexts.get(text)
  if (cuts) return cuts
  const bytes = encoder.encode(text)
  cuts = [() => 0, (count: number) => count - 1, randomOf(bytes.length)].map((pick) => tokenize(bytes, pick))
  cutTexts.set(text, cuts)
  return cuts
}

/** Whether a text is a whole answer, cut into tokens in several ways that must all say the same. */
export function accepts(grammar: Grammar, text: string): boolean {
  const answers = new Set(cutsOf(text).map((tokens, cut) => acceptsTokens(grammar, tokens, cut === 2)))
  if (answers.size > 1) throw new Error(`${text} is accepted or not depending on its tokens`)
  return answers.has(true)
}
