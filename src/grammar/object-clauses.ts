import type { Alternative, Clause, ObjectRule, SchemaView, Term } from './clause.ts'
import { ALL_KINDS, ANY_OBJECT, ANYTHING, clause, NOTHING, OBJECT } from './clause.ts'
import { isObject, own } from './schema-document.ts'

const withKey = (key: string, term: Term): Alternative => ({
  kinds: OBJECT,
  object: { ...ANY_OBJECT, properties: new Map([[key, term]]), required: [key] },
})
const withoutKey = (key: string): ObjectRule => ({ ...ANY_OBJECT, properties: new Map([[key, NOTHING]]) })

/** properties, patternProperties, additionalProperties, propertyNames, required, min/maxProperties and the dependent keywords. */
export function* readObjectClauses(view: SchemaView): Generator<Clause> {
  const object = (rule: Partial<ObjectRule>): Alternative => ({ object: { ...ANY_OBJECT, ...rule } })
  const not = (rule: Partial<ObjectRule>): Alternative => ({ ...object(rule), kinds: OBJECT })
  const min = view.count('minProperties')
  if (min) yield clause([object({ min })], [not({ max: min - 1 })])
  const max = view.count('maxProperties')
  if (max !== undefined) yield clause([object({ max })], [not({ min: max + 1 })])
  const required = own(view.raw, 'required')
  // In draft 3 a property was called required by a boolean of its own; there it says nothing here.
  if (required !== undefined && typeof required !== 'boolean') {
    const keys = view.texts('required', required)
    if (keys.length > 0)
      yield clause(
        [object({ required: keys })],
        keys.map((key) => ({ kinds: OBJECT, object: withoutKey(key) })),
      )
  }
  yield* propertyClauses(view)
  const names = own(view.raw, 'propertyNames')
  if (names !== undefined) yield oneWay(view, 'propertyNames', object({ names: view.term('propertyNames', names) }))
  yield* dependentClauses(view)
}

/** A clause whose opposite would have to remember some key among all others. */
function oneWay(view: SchemaView, keyword: string, yes: Alternative): Clause {
  return {
    yes: () => [yes],
    no: () => {
      throw view.fail(keyword, 'can not be enforced where it must not match (within not, oneOf or if); reword it')
    },
  }
}

function* propertyClauses(view: SchemaView): Generator<Clause> {
  const given = view.object('properties') ?? {}
  const properties = new Map(Object.entries(given).map(([key, schema]) => [key, view.term('properties', schema)]))
  const patterns = Object.entries(view.object('patternProperties') ?? {}).map(([pattern, schema]) => ({
    pattern,
    term: view.term('patternProperties', schema),
    where: `the JSON schema's ${view.at('patternProperties')}`,
  }))
  const rest = own(view.raw, 'additionalProperties')
  const additional = rest === undefined ? ANYTHING : view.term('additionalProperties', rest)
  if (properties.size === 0 && patterns.length === 0 && additional === ANYTHING) return
  const rule: ObjectRule = { ...ANY_OBJECT, properties, patterns, additional }
  const keyword = patterns.length > 0 ? 'patternProperties' : 'additionalProperties'
  if (patterns.length === 0 && additional === ANYTHING) {
    yield clause(
      [{ object: rule }],
      [...properties].map(([key, term]) => withKey(key, -term)),
    )
  } else yield oneWay(view, keyword, { object: rule })
}

/** dependentRequired, dependentSchemas, and dependencies, which was both. */
function* dependentClauses(view: SchemaView): Generator<Clause> {
  for (const keyword of ['dependentRequired', 'dependentSchemas', 'dependencies']) {
    for (const [key, value] of Object.entries(view.object(keyword) ?? {})) {
      const asKeys = keyword === 'dependentRequired' || (keyword === 'dependencies' && !isObject(value) && typeof value !== 'boolean')
      if (!asKeys) {
        const term = view.term(keyword, value)
        const absent: Alternative = { object: withoutKey(key) }
        const present: Alternative = { ...withKey(key, ANYTHING), terms: [term] }
        // No object at all is fine too: the first alternative allows every other kind.
        yield clause([{ ...absent, kinds: ALL_KINDS }, present], [{ ...withKey(key, ANYTHING), terms: [-term] }])
        continue
      }
      const keys = view.texts(keyword, typeof value === 'string' ? [value] : value)
      if (keys.length === 0) continue
      const no = keys.map((needed): Alternative => {
        const { object } = withKey(key, ANYTHING)
        return { kinds: OBJECT, object: { ...object!, properties: new Map([...object!.properties, [needed, NOTHING]]) } }
      })
      yield clause([{ object: { ...ANY_OBJECT, needs: new Map([[key, keys]]) } }], no)
    }
  }
}
