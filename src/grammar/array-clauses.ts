import type { Alternative, ArrayRule, Clause, SchemaView, Term } from './clause.ts'
import { ANY_ARRAY, ANYTHING, ARRAY, clause, NOTHING } from './clause.ts'
import { own } from './schema-document.ts'

/** items, prefixItems, additionalItems, minItems, maxItems, contains, minContains, maxContains; uniqueItems where it changes nothing. */
export function* readArrayClauses(view: SchemaView): Generator<Clause> {
  const array = (rule: Partial<ArrayRule>): Alternative => ({ array: { ...ANY_ARRAY, ...rule } })
  const not = (rule: Partial<ArrayRule>): Alternative => ({ ...array(rule), kinds: ARRAY })
  const min = view.count('minItems')
  if (min) yield clause([array({ min })], [not({ max: min - 1 })])
  const max = view.count('maxItems')
  if (max !== undefined) yield clause([array({ max })], [not({ min: max + 1 })])
  yield* itemClauses(view)
  yield* containsClauses(view)
  if (own(view.raw, 'uniqueItems') === true && !(max !== undefined && max <= 1)) yield uniqueClause(view)
}

function* itemClauses(view: SchemaView): Generator<Clause> {
  const items = own(view.raw, 'items')
  const listed = Array.isArray(items)
  // Before 2020-12, a list under items is what prefixItems is now, and additionalItems what items is.
  const keyword = listed ? 'items' : 'prefixItems'
  const list = own(view.raw, keyword)
  const prefix = Array.isArray(list) ? list.map((schema) => view.term(keyword, schema)) : []
  if (list !== undefined && !Array.isArray(list)) throw view.fail(keyword, 'must be a list of schemas')
  const restKeyword = listed ? 'additionalItems' : 'items'
  const given = own(view.raw, restKeyword)
  const rest = given === undefined ? ANYTHING : view.term(restKeyword, given)
  if (prefix.length === 0 && rest === ANYTHING) return
  yield {
    yes: () => [{ array: { ...ANY_ARRAY, prefix, rest } }],
    no: () => {
      const wrong = prefix.map((term, place) => wrongAt(place, term))
      if (rest === ANYTHING) return wrong
      if (rest === NOTHING) return [...wrong, { kinds: ARRAY, array: { ...ANY_ARRAY, min: prefix.length + 1 } }]
      if (prefix.length > 0)
        throw view.fail(restKeyword, 'can not be enforced where it must not match and there are prefix items; reword it')
      return [{ kinds: ARRAY, array: { ...ANY_ARRAY, contains: { term: -rest, min: 1, max: Infinity } } }]
    },
  }
}

function wrongAt(place: number, term: Term): Alternative {
  const prefix = [...Array<Term>(place).fill(ANYTHING), -term]
  return { kinds: ARRAY, array: { ...ANY_ARRAY, prefix, min: place + 1 } }
}

function* containsClauses(view: SchemaView): Generator<Clause> {
  const schema = own(view.raw, 'contains')
  const min = view.count('minContains') ?? 1
  const max = view.count('maxContains') ?? Infinity
  if (schema === undefined || (min === 0 && max === Infinity)) return
  const term = view.term('contains', schema)
  const rule = (least: number, most: number): ArrayRule => ({ ...ANY_ARRAY, contains: { term, min: least, max: most } })
  const no: Alternative[] = []
  if (min > 0) no.push({ kinds: ARRAY, array: rule(0, min - 1) })
  if (max < Infinity) no.push({ kinds: ARRAY, array: rule(max + 1, Infinity) })
  yield clause([{ array: rule(min, max) }], no)
}

/** Lists of at most one item are unique; about longer ones an automaton would have to remember every item. */
function uniqueClause(view: SchemaView): Clause {
  const refuse = () => view.fail('uniqueItems', 'can not be enforced on lists of two or more; leave it out and check the answer')
  const type = own(view.raw, 'type')
  const noArray = type !== undefined && type !== 'array' && !(Array.isArray(type) && type.includes('array'))
  if (noArray) return clause([{}], [])
  const throwing = (): never => {
    throw refuse()
  }
  return { yes: throwing, no: throwing }
}
