import { showValue } from '../util/show-value.ts'
import type { Clause, SchemaView } from './clause.ts'
import { clause, STRING } from './clause.ts'
import { formatPattern } from './formats.ts'
import { own } from './schema-document.ts'

/** minLength, maxLength, pattern and format. */
export function* readStringClauses(view: SchemaView): Generator<Clause> {
  const length = (min: number, max: number) => ({ kind: 'length', min, max }) as const
  const min = view.count('minLength')
  if (min) yield clause([{ string: length(min, Infinity) }], [{ kinds: STRING, string: length(0, min - 1) }])
  const max = view.count('maxLength')
  if (max !== undefined) yield clause([{ string: length(0, max) }], [{ kinds: STRING, string: length(max + 1, Infinity) }])
  const pattern = textOf(view, 'pattern')
  if (pattern !== undefined) yield patternClause(pattern, true, `the JSON schema's ${view.at('pattern')}`)
  const format = textOf(view, 'format')
  const known = format === undefined ? undefined : formatPattern(format)
  if (known !== undefined) yield patternClause(known, false, `the JSON schema's ${view.at('format')}`)
}

function textOf(view: SchemaView, keyword: string): string | undefined {
  const value = own(view.raw, keyword)
  if (value !== undefined && typeof value !== 'string') throw view.fail(keyword, `is ${showValue(value)}; it must be a string`)
  return value
}

function patternClause(pattern: string, search: boolean, where: string): Clause {
  const rule = (not: boolean) => ({ kind: 'pattern', pattern, search, not, where }) as const
  return clause([{ string: rule(false) }], [{ kinds: STRING, string: rule(true) }])
}
