import { describe, expect, it } from 'vitest'
import { checkNames, checkSizes, functionsOf } from '../../../scripts/check/sizes.mjs'

const rows = (count: number) => Array.from({ length: count }, (_, i) => `  line(${i})`).join('\n')
const messages = (files: Record<string, string>) =>
  checkSizes(new Map(Object.entries(files))).map((p) => `${p.path}:${p.line}: ${p.message}`)

describe('sizes', () => {
  it.each([
    ['src/a.ts', 400, []],
    ['src/a.ts', 401, ['src/a.ts:401: 401 lines; at most 400']],
    ['shaders/a.wgsl', 200, []],
    ['shaders/a.wgsl', 201, ['shaders/a.wgsl:201: 201 lines; at most 200']],
  ])('%s of %i lines', (path, count, expected) => {
    expect(messages({ [path]: `${rows(count)}\n` })).toEqual(expected)
  })

  it.each([
    ['a function', `function f(a: number): { b: number } {\n${rows(59)}\n}`, 'f has 61 lines; at most 60'],
    [
      'a generic function',
      `export async function f<T extends { a: number }>(\n  a: T,\n): Promise<Map<string, T>> {\n${rows(57)}\n}`,
      'f has 61 lines; at most 60',
    ],
    ['a method', `class A {\n  async #go(a = ')'): Promise<void> {\n${rows(59)}\n  }\n}`, '#go has 61 lines; at most 60'],
    ['an arrow function', `export const f = (a: string) => {\n${rows(59)}\n}`, 'f has 61 lines; at most 60'],
  ])('of %s count from its head to its brace', (_name, text, message) => {
    expect(messages({ 'src/a.ts': text })).toEqual([expect.stringContaining(message)])
    expect(messages({ 'src/a.ts': text.replace('  line(0)\n', '') })).toEqual([])
  })

  it('are not those of a list of tests, nor of types', () => {
    expect(messages({ 'test/a.test.ts': `describe('a', () => {\n${rows(100)}\n})` })).toEqual([])
    expect(functionsOf('interface A {\n  f(a: string): void\n  g(b: { c: number }): { d: number }\n}\n')).toEqual([])
  })

  it('see no braces in strings, templates, comments and regular expressions', () => {
    const text = 'function f() {\n  const a = "}" + `}${g({ b: "}" })}` // }\n  return /[/}]\\}/.test(a)\n}\nfunction g() {\n}\n'
    expect(functionsOf(text).map(({ name, line, length }) => [name, line, length])).toEqual([
      ['f', 1, 4],
      ['g', 5, 2],
    ])
  })
})

describe('names', () => {
  it.each([
    ['src/util/LruMap.ts', 'LruMap.ts is not kebab-case'],
    ['src/util/lru_map.ts', 'lru_map.ts is not kebab-case'],
    ['src/myUtil/a.ts', 'myUtil is not kebab-case'],
    ['src/models/Qwen2.ts', 'Qwen2.ts is not kebab-case'],
  ])('%s is refused', (path, message) => {
    expect(checkNames(new Map([[path, '']])).map((p) => p.message)).toEqual([message])
  })

  it.each([
    'src/util/lru-map.ts',
    'src/worker/engine.worker.ts',
    'src/models/qwen2_vl.ts',
    'scripts/train/make_tokenizer.py',
    'shaders/matmul-q4.wgsl',
  ])('%s passes', (path) => {
    expect(checkNames(new Map([[path, '']]))).toEqual([])
  })
})
