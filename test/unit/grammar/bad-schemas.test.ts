import { describe, expect, it } from 'vitest'
import { compileGrammar } from '../../../src/grammar/index.ts'
import { acceptsValue, refusal, schemaGrammar } from './json-schema.ts'

const nested = (levels: number, wrap: (inner: unknown) => unknown): unknown => {
  let schema: unknown = { type: 'integer' }
  for (let i = 0; i < levels; i++) schema = wrap(schema)
  return schema
}
const circular: Record<string, unknown> = { type: 'array' }
circular['items'] = circular

describe('schemas that can not be enforced', () => {
  it.each<[string, unknown, string]>([
    ['a number', 5, 'it must be an object or a boolean'],
    ['a list', [], 'it must be an object or a boolean'],
    ['null', null, 'it must be an object or a boolean'],
    ['nothing', undefined, 'it must be an object or a boolean'],
    ['false', false, 'no JSON value matches'],
    ['a dangling $ref', { properties: { a: { $ref: '#/$defs/none' } } }, '$ref "#/$defs/none" at /properties/a/$ref points at nothing'],
    ['a missing anchor', { $ref: '#none' }, 'names an anchor that is not there'],
    ['a remote $ref', { items: { $ref: 'https://example.com/s.json' } }, 'at /items/$ref points outside the schema'],
    ['a $ref to a number', { a: 1, $ref: '#/a' }, 'does not point at a schema'],
    ['a $ref to itself', { $ref: '#' }, 'refers back to itself'],
    [
      'a circle of $refs',
      { $defs: { a: { $ref: '#/$defs/b' }, b: { anyOf: [{ $ref: '#/$defs/a' }, true] } }, $ref: '#/$defs/a' },
      'refers back to itself',
    ],
    [
      'recursion without a base case',
      { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] },
      'contains itself without an end',
    ],
    ['a list that must hold itself', { type: 'array', items: { $ref: '#' }, minItems: 1 }, 'contains itself without an end'],
    ['a deep schema', nested(10_000, (items) => ({ items })), 'nested deeper than 256'],
    ['a deep allOf', nested(10_000, (inner) => ({ allOf: [inner] })), 'nested deeper than 256'],
    ['a circular object', circular, 'nested deeper than 256'],
    ['a huge schema', { enum: Array.from({ length: 300_000 }, (_, i) => i) }, 'more than 200000 values'],
    [
      'a huge product',
      { allOf: Array.from({ length: 20 }, (_, i) => ({ anyOf: [{ minimum: i }, { required: [`k${i}`] }, { minLength: i }] })) },
      'cases',
    ],
    ['uniqueItems', { properties: { a: { type: 'array', uniqueItems: true } } }, 'uniqueItems at /properties/a/uniqueItems'],
    ['unevaluatedProperties', { unevaluatedProperties: false }, 'unevaluatedProperties at /unevaluatedProperties'],
    ['unevaluatedItems', { unevaluatedItems: { type: 'null' } }, 'unevaluatedItems at /unevaluatedItems'],
    ['$dynamicRef', { $dynamicRef: '#x' }, '$dynamicRef at /$dynamicRef'],
    ['not additionalProperties', { not: { additionalProperties: false } }, 'additionalProperties at /not/additionalProperties'],
    ['not patternProperties', { not: { patternProperties: { a: false } } }, 'patternProperties at /not/patternProperties'],
    ['an unknown type', { type: 'text' }, 'type at /type is "text"'],
    ['an empty enum', { enum: [] }, 'enum at /enum'],
    ['a negative length', { minLength: -1 }, 'minLength at /minLength is -1'],
    ['a fraction as count', { maxItems: 1.5 }, 'maxItems at /maxItems is 1.5'],
    ['a text as bound', { minimum: '1' }, 'minimum at /minimum is "1"'],
    ['multipleOf 0', { multipleOf: 0 }, 'multipleOf at /multipleOf is 0'],
    ['multipleOf with many digits', { multipleOf: 123456.789 }, 'multipleOf at /multipleOf is 123456.789'],
    ['required that is no list', { required: 'a' }, 'required at /required'],
    ['properties that are no object', { properties: [] }, 'properties at /properties'],
    ['an ill-formed subschema', { properties: { a: 1 } }, 'properties at /properties holds 1'],
    ['an empty anyOf', { anyOf: [] }, 'anyOf at /anyOf'],
    ['a bad pattern', { patternProperties: { '(': true } }, '( without its ) at character 0'],
    ['contradicting bounds', { type: 'integer', minimum: 3, exclusiveMaximum: 3 }, 'exclude each other'],
    ['contradicting lengths', { type: 'string', minLength: 3, maxLength: 2 }, 'exclude each other'],
    ['contradicting patterns', { type: 'string', allOf: [{ pattern: '^a' }, { pattern: '^b' }] }, 'exclude each other'],
    ['an impossible required key', { type: 'object', required: ['a'], additionalProperties: false }, 'exclude each other'],
    [
      'too many properties asked for',
      { type: 'object', properties: { a: true }, additionalProperties: false, minProperties: 2 },
      'exclude each other',
    ],
    ['too many free keys asked for', { type: 'object', propertyNames: { enum: ['a', 'b'] }, minProperties: 3 }, 'exclude each other'],
  ])('refuses %s', (_, schema, message) => {
    const found = refusal(() => schemaGrammar(schema))
    expect(found?.name).toBe('InvalidRequestError')
    expect(found?.message).toContain(message)
  })

  it.each<[string, unknown]>([
    ['no choice', []],
    ['a choice that is no list', 'yes'],
    ['a choice of numbers', [1]],
  ])('refuses %s', (_, texts) => {
    expect(refusal(() => compileGrammar({ kind: 'choice', texts: texts as string[] }))?.name).toBe('InvalidRequestError')
  })

  it('refuses nothing about what is never reached', () => {
    const grammar = schemaGrammar({ $defs: { unused: { uniqueItems: true, $ref: 'https://example.com' } }, type: 'null' })
    expect(acceptsValue(grammar, null)).toBe(true)
  })
})

describe('large schemas that can be enforced', () => {
  it('takes an enum of 10 000 texts', () => {
    const grammar = schemaGrammar({ enum: Array.from({ length: 10_000 }, (_, i) => `value ${i}`) })
    expect([acceptsValue(grammar, 'value 9999'), acceptsValue(grammar, 'value 10000')]).toEqual([true, false])
  })

  it('takes an object of 1000 properties, nested 50 levels', () => {
    const wide = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key${i}`, { type: 'integer' }]))
    const grammar = schemaGrammar(nested(50, (inner) => ({ type: 'object', properties: { inner, ...wide } })))
    expect([acceptsValue(grammar, { inner: { key999: 1 } }), acceptsValue(grammar, { inner: { key999: 'x' } })]).toEqual([true, false])
  })

  it('takes lengths and counts of any size', () => {
    const grammar = schemaGrammar({ type: 'array', maxItems: 1e9, items: { type: 'string', maxLength: 1e9 } })
    expect(acceptsValue(grammar, ['a'.repeat(50)])).toBe(true)
  })

  it('follows values nested thousands of levels deep', () => {
    const text = '['.repeat(3000) + ']'.repeat(3000)
    const { automaton } = schemaGrammar({
      anyOf: [
        { type: 'array', items: { $ref: '#' } },
        { type: 'array', maxItems: 3 },
      ],
    })
    let state: ReturnType<typeof automaton.step> = automaton.start
    for (const char of text) state = state && automaton.step(state, char.charCodeAt(0), () => [])
    expect(state?.mayEnd).toBe(true)
  })
})
