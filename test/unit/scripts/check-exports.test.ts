import { describe, expect, it } from 'vitest'
import { checkAny, checkDocstrings } from '../../../scripts/check/exports.mjs'

const docs = (files: Record<string, string>) =>
  checkDocstrings(new Map(Object.entries(files))).map((p) => `${p.path}:${p.line}: ${p.message}`)

describe('docstrings', () => {
  it.each([
    ['a function', 'export function f() {}', 'function f'],
    ['an async function', '\nexport async function f() {}', 'function f'],
    ['a class', 'export class A {}', 'class A'],
    ['an interface', 'export interface A {\n}', 'interface A'],
    ['a const of several lines', 'export const a = () => {\n  return 1\n}', 'const a'],
    ['a type of several lines', "export type A =\n  | 'a'", 'type A'],
    ['a comment that is none', '/** Doc of b. */\nconst b = 1\nexport function f() {}', 'function f'],
  ])('are missed: %s', (_name, text, what) => {
    expect(docs({ 'src/util/a.ts': text })).toEqual([expect.stringContaining(`${what} has no docstring`)])
  })

  it.each([
    ['a documented function', '/** Does it. */\nexport function f() {}'],
    [
      'overloads under one docstring',
      '/** Does it. */\nexport function f(a: 1): 1\nexport function f(a: 2): 2\nexport function f(a: number) { return a }',
    ],
    ['a const of one line', 'export const half = (a: number): number => a / 2'],
    ['a type of one line', "export type A = 'a' | 'b'"],
    ['what is not exported', 'function f() {}'],
    ['an export in a comment', '/*\nexport function f() {}\n*/'],
  ])('are not asked of %s', (_name, text) => {
    expect(docs({ 'src/util/a.ts': text })).toEqual([])
  })

  it('are asked of everything public, however small', () => {
    const files = {
      'src/index.ts': "export { a as b } from './api/a.ts'\nexport type * from './protocol/p.ts'\n",
      'src/api/a.ts': 'export const a = 1\nexport const c = 2\n',
      'src/protocol/p.ts': 'export type P = 1\n',
    }
    expect(docs(files)).toEqual(['src/api/a.ts:1: public const a has no docstring', 'src/protocol/p.ts:1: public type P has no docstring'])
  })
})

describe('any', () => {
  const lines = (text: string) => checkAny(new Map([['src/a.ts', text]])).map((p) => p.line)

  it.each([
    'let a: any',
    'const a = b as any',
    'let a: Map<string, any>',
    'let a: any[]',
    'let a: string | any',
    'type A = any',
    'f<any>()',
    'let f: () => any',
  ])('is found in %s', (text) => {
    expect(lines(`// any\n${text}`)).toEqual([2])
  })

  it.each([
    "const s = 'a: any'",
    'AbortSignal.any([a, b])',
    'const o = { any: 1 }',
    '// of any kind',
    'let anything: unknown',
    'f(any => any.x)',
  ])('is not found in %s', (text) => {
    expect(lines(text)).toEqual([])
  })
})
