import { describe, expect, it } from 'vitest'
import { createTokenizer } from '../../../src/text/tokenizer.ts'
import { families, goldenTokenizer, readGolden } from '../../support/golden-files.ts'
import { seededRandom } from '../../support/random.ts'

/** Pieces that texts are put together from; the last ones are where normalizers and added tokens shorten a text. */
const pieces = [
  'the ',
  'quick',
  'Fox',
  ' ',
  '      ',
  '\n\n',
  '0',
  '1234567',
  '.',
  '--------',
  'é',
  '漢字',
  '🦊',
  'e\u0301',
  '\u1112\u1161\u11ab',
  '<|im_end|>',
  '</s>',
  '\ud800',
]

function randomText(random: () => number, length: number): string {
  // Few different pieces a text, so that some are all spaces, all digits and so on.
  const some = Array.from({ length: 1 + Math.floor(3 * random()) }, () => pieces[Math.floor(random() * pieces.length)] as string)
  return Array.from({ length }, () => some[Math.floor(random() * some.length)]).join('')
}

describe.each(families)('fewest tokens of %s', (family) => {
  const tokenizer = goldenTokenizer(family)

  it('are never more than a text has', () => {
    const random = seededRandom(11)
    for (let i = 0; i < 300; i++) {
      const text = randomText(random, Math.floor(200 * random()))
      const { length } = tokenizer.encode(text, { addSpecialTokens: false })
      expect(tokenizer.fewestTokens(text)).toBeLessThanOrEqual(length)
    }
  })
})

describe('fewest tokens', () => {
  it('of an ordinary text are no small part of what it has, whatever it is made of', () => {
    const tokenizer = goldenTokenizer('qwen2_vl')
    for (const text of ['the quick brown fox '.repeat(500), '1234567'.repeat(500), '漢字'.repeat(500), '.;:!'.repeat(500)]) {
      expect(tokenizer.fewestTokens(text)).toBeGreaterThan(tokenizer.encode(text).length / 30)
    }
  })

  it('are not told where the text may vanish before it is cut', () => {
    const json = readGolden<object>('qwen2_vl/checkpoint/tokenizer.json')
    const config = readGolden<object>('qwen2_vl/checkpoint/tokenizer_config.json')
    const stripping = createTokenizer({ ...json, normalizer: { type: 'Replace', pattern: { Regex: 'x+' }, content: '' } }, config)
    expect(stripping.fewestTokens('x'.repeat(1000))).toBe(0)
    const cutting: object[] = [
      { type: 'WhitespaceSplit' },
      { type: 'Split', pattern: { Regex: '\\s+' }, behavior: 'Removed', invert: false },
      { type: 'Split', pattern: { Regex: '\\S+' }, behavior: 'Isolated', invert: true },
    ]
    for (const pre_tokenizer of cutting) {
      const tokenizer = createTokenizer({ ...json, pre_tokenizer }, config)
      const text = ' '.repeat(1000)
      expect(tokenizer.fewestTokens(text)).toBeLessThanOrEqual(tokenizer.encode(text, { addSpecialTokens: false }).length)
    }
  })
})
