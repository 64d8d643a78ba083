import type { Alternative, Clause, SchemaView, Term } from './clause.ts'
import { clause } from './clause.ts'
import { own } from './schema-document.ts'

const UNSUPPORTED = ['$dynamicRef', '$recursiveRef', 'unevaluatedProperties', 'unevaluatedItems']

/** allOf, anyOf, oneOf, not, if/then/else; refuses what can not be enforced at all. */
export function* readLogicClauses(view: SchemaView): Generator<Clause> {
  for (const keyword of UNSUPPORTED) {
    if (view.has(keyword) && own(view.raw, keyword) !== true) {
      throw view.fail(keyword, 'can not be enforced; reword the schema with additionalProperties, items or $ref')
    }
  }
  const all = view.terms('allOf')
  if (all)
    yield clause(
      [{ terms: all }],
      all.map((term) => ({ terms: [-term] })),
    )
  const some = view.terms('anyOf')
  if (some)
    yield clause(
      some.map((term) => ({ terms: [term] })),
      [{ terms: some.map((term) => -term) }],
    )
  const one = view.terms('oneOf')
  if (one) yield oneOf(view, one)
  const not = own(view.raw, 'not')
  if (not !== undefined) {
    const term = view.term('not', not)
    yield clause([{ terms: [-term] }], [{ terms: [term] }])
  }
  yield* condition(view)
}

function oneOf(view: SchemaView, terms: readonly Term[]): Clause {
  // Branches that no value can share need not be ruled out in turn, which keeps tagged unions small.
  const only = (term: Term, i: number): Alternative => ({
    terms: [term, ...terms.filter((other, j) => i !== j && !view.disjoint(term, other)).map((other) => -other)],
  })
  const no = (): Alternative[] => {
    const pairs = terms.flatMap((a, i) => terms.slice(i + 1).flatMap((b) => (view.disjoint(a, b) ? [] : [{ terms: [a, b] }])))
    return [{ terms: terms.map((term) => -term) }, ...pairs]
  }
  return { yes: () => terms.map(only), no }
}

function* condition(view: SchemaView): Generator<Clause> {
  const given = own(view.raw, 'if')
  const yes = own(view.raw, 'then')
  const no = own(view.raw, 'else')
  if (given === undefined || (yes === undefined && no === undefined)) return
  const test = view.term('if', given)
  const then = yes === undefined ? [] : [view.term('then', yes)]
  const otherwise = no === undefined ? [] : [view.term('else', no)]
  const opposite: Alternative[] = [
    ...then.map((term) => ({ terms: [test, -term] })),
    ...otherwise.map((term) => ({ terms: [-test, -term] })),
  ]
  yield clause([{ terms: [test, ...then] }, { terms: [-test, ...otherwise] }], opposite)
}
