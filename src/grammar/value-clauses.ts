import { showValue } from '../util/show-value.ts'
import type { Alternative, Clause, SchemaView, Term } from './clause.ts'
import { ALL_KINDS, ARRAY, clause, FALSE, NULL, NUMBER, OBJECT, STRING, TRUE } from './clause.ts'
import type { NumberRule } from './number-language.ts'
import { multipleIsFeasible } from './number-language.ts'
import { own } from './schema-document.ts'

const KINDS: ReadonlyMap<string, number> = new Map([
  ['null', NULL],
  ['boolean', TRUE | FALSE],
  ['number', NUMBER],
  ['integer', NUMBER],
  ['string', STRING],
  ['array', ARRAY],
  ['object', OBJECT],
])

/** type, enum and const. */
export function* readValueClauses(view: SchemaView): Generator<Clause> {
  const type = own(view.raw, 'type')
  if (type !== undefined) yield typeClause(view, type)
  const values = own(view.raw, 'enum')
  if (values !== undefined) {
    if (!Array.isArray(values) || values.length === 0)
      throw view.fail('enum', `is ${showValue(values)}; it must be a list of at least one value`)
    yield valuesClause(view, 'enum', values)
  }
  if (Object.hasOwn(view.raw, 'const')) yield valuesClause(view, 'const', [view.raw['const']])
}

function typeClause(view: SchemaView, type: unknown): Clause {
  const names = view.texts('type', Array.isArray(type) ? type : [type])
  let kinds = 0
  for (const name of names) {
    const kind = KINDS.get(name)
    if (!kind) throw view.fail('type', `is ${showValue(type)}; it must be of ${[...KINDS.keys()].join(', ')}`)
    kinds |= kind
  }
  if (!names.includes('integer') || names.includes('number')) return clause([{ kinds }], [{ kinds: ALL_KINDS & ~kinds }])
  const no = { kinds: (ALL_KINDS & ~kinds) | NUMBER, number: { kind: 'integer', not: true } } as const
  return clause([{ kinds, number: { kind: 'integer', not: false } }], [no])
}

function valuesClause(view: SchemaView, keyword: string, values: readonly unknown[]): Clause {
  let kinds = 0
  const texts: string[] = []
  const numbers: number[] = []
  const terms: Term[] = []
  for (const value of values) {
    if (typeof value === 'string') texts.push(value)
    else if (typeof value === 'number') numbers.push(value)
    else if (value === null) kinds |= NULL
    else if (typeof value === 'boolean') kinds |= value ? TRUE : FALSE
    else if (typeof value === 'object') terms.push(view.term(keyword, schemaOfValue(value)))
    else throw view.fail(keyword, `holds ${showValue(value)}; it must be JSON`)
  }
  if (!numbers.every(Number.isFinite)) throw view.fail(keyword, 'holds a number that is not finite; it must be JSON')
  const rules = (not: boolean): Alternative => ({
    ...(texts.length > 0 && { string: { kind: 'texts', texts, not } }),
    ...(numbers.length > 0 && { number: { kind: 'values', values: numbers, not } }),
  })
  const scalars = kinds | (texts.length > 0 ? STRING : 0) | (numbers.length > 0 ? NUMBER : 0)
  const yes: Alternative[] = terms.map((term) => ({ terms: [term] }))
  if (scalars !== 0) yes.push({ ...rules(false), kinds: scalars })
  return clause(yes, [{ ...rules(true), kinds: ALL_KINDS & ~kinds, terms: terms.map((term) => -term) }])
}

/** A schema that only the given list or object matches. */
function schemaOfValue(value: object): object {
  const only = (item: unknown) => ({ const: item })
  if (Array.isArray(value)) return { type: 'array', prefixItems: value.map(only), items: false, minItems: value.length }
  const properties = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, only(item)]))
  return { type: 'object', properties, required: Object.keys(value), additionalProperties: false }
}

/** minimum, maximum, exclusiveMinimum, exclusiveMaximum and multipleOf. */
export function* readNumberClauses(view: SchemaView): Generator<Clause> {
  // In draft 4 the exclusive ones are booleans beside the bound.
  const strict = (keyword: string) => own(view.raw, keyword) === true
  const exclusive = (keyword: string) => (typeof own(view.raw, keyword) === 'boolean' ? undefined : view.number(keyword))
  yield* bound(view.number('minimum'), { less: false, equal: !strict('exclusiveMinimum'), greater: true })
  yield* bound(exclusive('exclusiveMinimum'), { less: false, equal: false, greater: true })
  yield* bound(view.number('maximum'), { less: true, equal: !strict('exclusiveMaximum'), greater: false })
  yield* bound(exclusive('exclusiveMaximum'), { less: true, equal: false, greater: false })
  const of = view.number('multipleOf')
  if (of === undefined) return
  if (of <= 0) throw view.fail('multipleOf', `is ${of}; it must be above 0`)
  if (!multipleIsFeasible(of))
    throw view.fail('multipleOf', `is ${of}, which has too many digits to be enforced; use one of at most four digits`)
  const rule = (not: boolean) => ({ number: { kind: 'multiple', of, not } }) as const
  yield clause([rule(false)], [{ ...rule(true), kinds: NUMBER }])
}

function* bound(at: number | undefined, allowed: { less: boolean; equal: boolean; greater: boolean }): Generator<Clause> {
  if (at === undefined) return
  const yes: NumberRule = { kind: 'compare', bound: at, ...allowed }
  const no: NumberRule = { kind: 'compare', bound: at, less: !allowed.less, equal: !allowed.equal, greater: !allowed.greater }
  yield clause([{ number: yes }], [{ kinds: NUMBER, number: no }])
}
