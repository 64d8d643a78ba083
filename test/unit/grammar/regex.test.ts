import { describe, expect, it } from 'vitest'
import { compileGrammar } from '../../../src/grammar/index.ts'
import { refusal, schemaGrammar } from './json-schema.ts'
import { accepts } from './vocabulary.ts'

const TEXTS = [
  ...[
    '',
    'a',
    'b',
    'ab',
    'abc',
    'aab',
    'ABC',
    'aaa',
    'aaaa',
    'foo',
    'foobar',
    'bar',
    'a-b',
    'a]b',
    '0',
    '12',
    '123',
    '2024-01-02',
    'x_1',
    ' ',
    'a b',
    '\n',
    'a\nb',
    '\t',
  ],
  ...['é', 'É', 'ß', '漢', '漢字', '😀', '💩a', 'Ω', 'ñandú', '\u2028', '\u00a0', '\\', '/', '.', '{', 'a{2}', '$', '^', '"'],
]
const PATTERNS = [
  ...[
    '',
    'a',
    'ab|b',
    'a*',
    'a+b',
    'a?b?',
    'a{2}',
    'a{2,}',
    'a{1,3}',
    'a{0}',
    '(a|b)*',
    '(?:foo|bar)+',
    '(?<name>fo+)',
    '[abc]',
    '[^abc]',
    '[a-c]+',
    '[a\\-b\\]]+',
    '[]',
    '[^]',
  ],
  ...[
    '.',
    '.*',
    '\\d+',
    '\\D',
    '\\w+',
    '\\W',
    '\\s',
    '\\S+',
    '\\.',
    '\\/',
    '\\\\',
    '\\{',
    '\\t',
    '\\n',
    '\\x61',
    '\\u0061',
    '\\u{1F600}',
    '\\ud83d\\ude00',
    '\\cJ',
    '[\\b]',
    '\\0',
  ],
  ...[
    '\\p{L}+',
    '\\P{L}',
    '\\p{Lu}',
    '\\p{Script=Han}',
    '[\\p{N}_]',
    '[^\\p{L}\\d]',
    '^a',
    'a$',
    '^a$',
    '^(a|^b)',
    '(a|b$)',
    'a^b',
    '(^)*a|b',
    '$^',
    '[\\w-]+',
    '\\d{4}-\\d{2}-\\d{2}',
    '(a*)*',
    '(a|aa)+',
  ],
]

// What this engine's own regular expressions say. [] and [^] and (^)* mean the same to it.
const native = (pattern: string, whole: boolean) => new RegExp(whole ? `^(?:${pattern})$` : pattern, 'u')

describe('regular expressions', () => {
  it.each(PATTERNS)('the pattern %j of a schema is found in the same texts as by JavaScript', (pattern) => {
    if (pattern === '[]' || pattern === 'a^b') {
      expect(refusal(() => schemaGrammar({ type: 'string', pattern }))?.message).toContain('no JSON value matches')
      return
    }
    const grammar = schemaGrammar({ type: 'string', pattern })
    const wrong = TEXTS.filter((text) => accepts(grammar, JSON.stringify(text)) !== native(pattern, false).test(text))
    expect(wrong).toEqual([])
  })

  it.each(PATTERNS)('the regex %j matches the same whole texts as JavaScript', (pattern) => {
    if (pattern === '[]' || pattern === 'a^b') {
      expect(refusal(() => compileGrammar({ kind: 'regex', pattern }))?.message).toContain('matches no text')
      return
    }
    const grammar = compileGrammar({ kind: 'regex', pattern })
    const wrong = TEXTS.filter((text) => accepts(grammar, text) !== native(pattern, true).test(text))
    expect(wrong).toEqual([])
  })

  it.each([
    ['a(?=b)', 'lookahead (?= at character 1'],
    ['a(?!b)', 'lookahead (?! at character 1'],
    ['(?<=a)b', 'lookbehind (?<= at character 0'],
    ['(?<!a)b', 'lookbehind (?<! at character 0'],
    ['(a)\\1', 'back reference \\1 at character 3'],
    ['(?<x>a)\\k<x>', 'back reference \\k at character 7'],
    ['\\bword', 'word boundary \\b at character 0'],
    ['(?i:a)', 'group (?i at character 0'],
    ['(a', '( without its ) at character 0'],
    ['a)', ') without its ( at character 1'],
    ['[a', '[ without its ] at character 0'],
    ['*a', '* with nothing to repeat at character 0'],
    ['a**', 'repetition of a repetition'],
    ['a{3,2}', '{3,2} whose bounds are out of order'],
    ['[b-a]', 'range whose ends are out of order'],
    ['\\p{Nonsense}', 'unknown Unicode property "Nonsense"'],
    ['\\ud83d', 'half a surrogate pair'],
    ['\\q', 'unknown escape \\q'],
    ['a\\', 'lone \\'],
    ['(((a{1000}){1000}){1000}){1000}', 'too complex'],
    ['a{1000000000}', 'too complex'],
    ['(a|b)*a(a|b){30}', 'too complex'],
    ['('.repeat(10_000), 'groups nested deeper than 200'],
  ])('refuses %s with its place', (pattern, message) => {
    const found = refusal(() => compileGrammar({ kind: 'regex', pattern }))
    expect(found?.name).toBe('InvalidRequestError')
    expect(found?.message).toContain(message)
    const inSchema = refusal(() => schemaGrammar({ properties: { a: { type: 'string', pattern } } }))
    expect(inSchema?.message).toContain('/properties/a/pattern')
  })

  it.each([['(a+)+$'], ['(x+x+)+y'], ['^(([a-z])+.)+[A-Z]([a-z])+$'], ['(.*)*\\d']])(
    'compiles %s, which is catastrophic for searching engines',
    (pattern) => {
      const grammar = compileGrammar({ kind: 'regex', pattern })
      expect(accepts(grammar, 'a'.repeat(100))).toBe(new RegExp(`^(?:${pattern})$`).test('aaa'))
    },
  )
})
