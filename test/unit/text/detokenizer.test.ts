import { describe, expect, it } from 'vitest'
import { createDetokenizer } from '../../../src/text/detokenizer.ts'
import type { TokenTable } from '../../../src/text/token-table.ts'
import { decodeCases, families, goldenTokenizer, readGolden } from '../../support/golden-files.ts'

/** A byte-level vocabulary of 256 tokens, one per byte, and token 256, a special `<end>`. */
const bytes: TokenTable = {
  tokenBytes: (id) => (id === 256 ? new TextEncoder().encode('<end>') : Uint8Array.of(id)),
  isSpecial: (id) => id === 256,
  isFallbackByte: () => false,
  leadingSpaces: 0,
}

const utf8 = (text: string): number[] => [...new TextEncoder().encode(text)]

function pieces(table: TokenTable, ids: readonly number[], skipSpecialTokens = true): string[] {
  const detokenizer = createDetokenizer(table, { skipSpecialTokens })
  const pushed = ids.map((id) => detokenizer.push(id))
  return [...pushed, detokenizer.flush()]
}

describe.each(decodeCases)('pieces of %s', (family, { decoded }) => {
  const tokenizer = goldenTokenizer(family)

  it.each(decoded)('join to the text of $ids', ({ ids, text, skipped }) => {
    expect(pieces(tokenizer, ids, false).join('')).toBe(text)
    expect(pieces(tokenizer, ids).join('')).toBe(skipped)
  })
})

describe.each(families)('golden texts of %s', (family) => {
  const tokenizer = goldenTokenizer(family)
  const { cases } = readGolden<{ cases: { ids: number[]; decoded: string; decoded_skipping_special: string }[] }>(
    `${family}/tokenizer_cases.json`,
  )

  it('come out piece by piece, with no replacement character', () => {
    for (const golden of cases) {
      expect(pieces(tokenizer, golden.ids, false).join('')).toBe(golden.decoded)
      const streamed = pieces(tokenizer, golden.ids)
      expect(streamed.join('')).toBe(golden.decoded_skipping_special)
      expect(streamed.filter((piece) => piece.includes('\ufffd'))).toEqual([])
    }
  })
})

describe('characters split over tokens', () => {
  it.each([
    ['ASCII', 'plain'],
    ['two bytes', 'éß'],
    ['three bytes', '你好'],
    ['four bytes', '😀🚀'],
    ['ZWJ sequences', '👩🏽‍🚀👨‍👩‍👧‍👦'],
    ['flags and variation selectors', '🇩🇪❤️'],
    ['right-to-left', 'שלום مرحبا'],
    ['combining marks', 'e\u0301 नमस्ते สวัสดี'],
    ['byte order marks', '\ufeffa\ufeff'],
    ['NUL', 'a\0b'],
    ['U+FFFD itself', 'a\ufffdb'],
  ])('come out whole: %s', (_name, text) => {
    const streamed = pieces(bytes, utf8(text))
    expect(streamed.join('')).toBe(text)
    // One character at the last of its bytes, nothing before.
    expect(streamed.filter((piece) => piece !== '')).toEqual([...text])
  })

  it('wait for their end across a skipped special token', () => {
    expect(pieces(bytes, [0xf0, 0x9f, 256, 0x98, 0x80])).toEqual(['', '', '', '', '😀', ''])
  })

  it('are broken by a special token that is shown', () => {
    expect(pieces(bytes, [0xf0, 0x9f, 256, 65], false)).toEqual(['', '', '\ufffd<end>', 'A', ''])
  })

  it.each([
    ['a lone continuation byte', [65, 0x98, 66], ['A', '\ufffd', 'B', '']],
    ['a character cut by ASCII', [0xe4, 0xbd, 65], ['', '', '\ufffdA', '']],
    ['a character cut by another', [0xe4, 0xbd, 0xe5, 0xa5, 0xbd], ['', '', '\ufffd', '', '好', '']],
    ['a character cut by the end', [65, 0xf0, 0x9f, 0x98], ['A', '', '', '', '\ufffd']],
    ['a byte that no text has', [0xff, 65], ['\ufffd', 'A', '']],
    ['a surrogate in UTF-8', [0xed, 0xa0, 0x80], ['', '\ufffd\ufffd', '\ufffd', '']],
  ])('become U+FFFD only once they cannot be completed: %s', (_name, ids, expected) => {
    expect(pieces(bytes, ids)).toEqual(expected)
  })
})

describe('a vocabulary of pieces with byte fallback', () => {
  const llama = goldenTokenizer('llava')
  const id = (token: string) => llama.tokenId(token) as number
  const run = (text: string) => utf8(text).map((byte) => id(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`))

  it('gives a run of bytes when it ends', () => {
    expect(pieces(llama, [id('a'), ...run('😀'), id('b')])).toEqual(['a', '', '', '', '', '😀b', ''])
    expect(pieces(llama, [id('a'), ...run('é')])).toEqual(['a', '', '', 'é'])
  })

  it('replaces every byte of a broken run', () => {
    expect(pieces(llama, [...run('é'), id('<0xF0>'), id('b')]).join('')).toBe('\ufffd\ufffd\ufffdb')
  })

  it('drops one space at the start and keeps the others', () => {
    expect(pieces(llama, [id('▁t'), id('▁t')])).toEqual(['t', ' t', ''])
    expect(pieces(llama, [id('▁'), id('▁t')])).toEqual(['', ' t', ''])
    expect(pieces(llama, [id('<s>'), id('▁t')])).toEqual(['', 't', ''])
    expect(pieces(llama, [id('<s>'), id('▁t')], false)).toEqual(['<s>', ' t', ''])
  })

  it('gives nothing for no tokens', () => {
    expect(pieces(llama, [])).toEqual([''])
  })
})
