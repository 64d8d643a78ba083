import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { acceptsValue, schemaGrammar } from './json-schema.ts'
import { accepts } from './vocabulary.ts'

const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false })

const SCALARS = [
  null,
  true,
  false,
  0,
  1,
  -1,
  2,
  3,
  4,
  5,
  7,
  10,
  12,
  0.5,
  1.5,
  -2.25,
  99,
  100,
  101,
  '',
  'a',
  'b',
  'ab',
  'abc',
  'abcd',
  'foo',
  'é',
  '😀',
  '漢字',
]
const ARRAYS = [[], [1], [1, 2], [1, 2, 3], ['a'], ['a', 1], [1, 'a'], ['a', 'b', 'c'], [null], [[1]], [1, 1, 1, 1]]
const OBJECTS = [
  ...[
    {},
    { a: 1 },
    { a: 'x' },
    { b: 1 },
    { a: 1, b: 2 },
    { b: 2, a: 1 },
    { a: 1, b: 'x' },
    { a: 1, b: 2, c: 3 },
    { c: 1 },
    { foo: 1 },
    { foo: 'x', bar: 2 },
  ],
  ...[
    { a: { a: 1 } },
    { a: { a: { a: null } } },
    { kind: 'x', value: 1 },
    { kind: 'y', value: 1 },
    { kind: 'y', value: 'v' },
    { ab: 1, abc: 2 },
    { '': 0 },
  ],
]
const INSTANCES: readonly unknown[] = [...SCALARS, ...ARRAYS, ...OBJECTS]

const tagged = (kind: string, type: string) => ({
  type: 'object',
  properties: { kind: { const: kind }, value: { type } },
  required: ['kind', 'value'],
})

// Each schema is tried on all instances; what must be accepted is what ajv finds valid.
const SCHEMAS: Readonly<Record<string, readonly unknown[]>> = {
  'boolean schemas': [true, { properties: { a: false } }, { additionalProperties: false }, { items: false }],
  type: [
    { type: 'integer' },
    { type: 'number' },
    { type: ['string', 'null'] },
    { type: ['integer', 'array'] },
    { type: 'object' },
    { type: 'boolean' },
  ],
  'enum and const': [
    { enum: [1, 'a', null, [1, 2], { a: 1 }] },
    { const: { a: { a: 1 } } },
    { const: [] },
    { const: 0 },
    { enum: ['ab', 'abc', 'é'] },
    { enum: [0.5, -2.25] },
  ],
  bounds: [
    { minimum: 2 },
    { maximum: 1.5 },
    { exclusiveMinimum: 1, exclusiveMaximum: 5 },
    { type: 'integer', minimum: -1, maximum: 99 },
    { minimum: -2.25 },
  ],
  multipleOf: [{ multipleOf: 2 }, { type: 'integer', multipleOf: 3 }, { multipleOf: 0.5 }, { multipleOf: 0.25, minimum: 1 }],
  length: [{ minLength: 2 }, { maxLength: 2 }, { type: 'string', minLength: 1, maxLength: 1 }, { minLength: 3, pattern: 'b' }],
  pattern: [{ pattern: 'b' }, { pattern: '^a' }, { pattern: 'c$' }, { pattern: '^(ab?|\\p{L}{2})$' }, { pattern: '^\\S*$', maxLength: 3 }],
  properties: [
    { properties: { a: { type: 'integer' }, b: { type: 'string' } } },
    { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'], additionalProperties: false },
    { properties: { a: true }, additionalProperties: { type: 'string' } },
    { required: ['a', 'b'] },
    { patternProperties: { '^a': { type: 'integer' }, b$: { maximum: 1 } } },
    { properties: { foo: { type: 'integer' } }, patternProperties: { '^b': true }, additionalProperties: false },
    { propertyNames: { maxLength: 1 } },
    { propertyNames: { enum: ['a', 'foo'] }, minProperties: 1 },
    { minProperties: 2 },
    { maxProperties: 1 },
    { minProperties: 1, maxProperties: 2, required: ['a'] },
  ],
  'dependent keywords': [
    { dependentRequired: { a: ['b'], b: ['c'] } },
    { dependentSchemas: { a: { required: ['b'] } } },
    { dependentRequired: { kind: ['value'] }, type: 'object' },
  ],
  items: [
    { items: { type: 'integer' } },
    { prefixItems: [{ type: 'string' }, { type: 'integer' }] },
    { prefixItems: [{ type: 'integer' }], items: { type: 'string' } },
    { prefixItems: [true, false] },
    { minItems: 2 },
    { maxItems: 1 },
    { type: 'array', minItems: 1, maxItems: 3, items: { minimum: 2 } },
    { uniqueItems: true, maxItems: 1 },
    { uniqueItems: true, type: 'string' },
  ],
  contains: [
    { contains: { const: 1 } },
    { contains: { type: 'integer' }, minContains: 2 },
    { contains: { type: 'integer' }, maxContains: 1 },
    { contains: { const: 1 }, minContains: 2, maxContains: 3, maxItems: 3 },
    { contains: { type: 'string' }, minContains: 0, maxContains: 1 },
    { contains: { minimum: 2 }, items: { maximum: 2 } },
  ],
  combining: [
    { allOf: [{ properties: { a: { type: 'integer' } } }, { properties: { a: { maximum: 0 } } }, { required: ['b'] }] },
    { allOf: [{ minimum: 1 }, { maximum: 10 }, { multipleOf: 2 }] },
    { allOf: [{ pattern: 'a' }, { pattern: 'b' }, { maxLength: 3 }] },
    { anyOf: [{ type: 'integer' }, { minLength: 2 }] },
    {
      anyOf: [
        { properties: { a: { type: 'string' } }, required: ['a'] },
        { properties: { b: { type: 'integer' } }, required: ['b'] },
      ],
    },
    { oneOf: [{ type: 'integer' }, { minimum: 2 }] },
    { oneOf: [{ required: ['a'] }, { required: ['b'] }] },
    { oneOf: [tagged('x', 'integer'), tagged('y', 'string')] },
    { oneOf: [{ multipleOf: 2 }, { multipleOf: 3 }, { type: 'string' }] },
    { not: { type: 'integer' } },
    { not: { type: ['object', 'array', 'string'] } },
    { not: { enum: [1, 'a', null] } },
    { not: { required: ['a'] } },
    { not: { properties: { a: { type: 'integer' } } } },
    { not: { minLength: 2 }, type: 'string' },
    { not: { pattern: 'b' }, type: 'string' },
    { not: { items: { type: 'integer' } } },
    { not: { anyOf: [{ type: 'integer' }, { type: 'array' }] } },
    { not: { minimum: 3 } },
    { not: { minItems: 2 }, type: 'array' },
    { not: { dependentRequired: { a: ['b'] } } },
    { not: { oneOf: [{ required: ['a'] }, { required: ['b'] }] } },
    { not: { contains: { const: 1 } } },
  ],
  // As text: an object with a key `then` would look like a promise.
  conditions: [
    '{ "if": { "type": "integer" }, "then": { "minimum": 2 }, "else": { "type": "string" } }',
    '{ "if": { "required": ["a"] }, "then": { "required": ["b"] } }',
    '{ "if": { "properties": { "kind": { "const": "x" } }, "required": ["kind"] }, "then": { "properties": { "value": { "type": "string" } } }, "else": { "maxProperties": 1 } }',
    '{ "not": { "if": { "type": "integer" }, "then": { "minimum": 2 }, "else": { "type": "string" } } }',
  ].map((text): unknown => JSON.parse(text)),
  references: [
    {
      $defs: {
        leaf: { type: ['null', 'integer'] },
        node: { anyOf: [{ $ref: '#/$defs/leaf' }, { $ref: '#/$defs/tree' }] },
        tree: { type: 'object', additionalProperties: { $ref: '#/$defs/node' } },
      },
      $ref: '#/$defs/tree',
    },
    { $defs: { x: { $anchor: 'there', type: 'string' } }, $ref: '#there', minLength: 2 },
    { type: ['object', 'integer'], properties: { a: { $ref: '#' } }, additionalProperties: false },
    { $defs: { 'a/b~c': { type: 'integer' } }, items: { $ref: '#/$defs/a~1b~0c' } },
    { $id: 'https://example.com/root', $defs: { x: { $id: 'x', const: 1 } }, anyOf: [{ $ref: 'x' }, { $ref: 'https://example.com/x#' }] },
    { type: 'array', items: { anyOf: [{ type: 'integer' }, { $ref: '#' }] } },
  ],
}

describe('JSON Schema keywords', () => {
  for (const [name, schemas] of Object.entries(SCHEMAS)) {
    it.each(schemas.map((schema) => [JSON.stringify(schema), schema] as const))(`${name}: %s accepts what ajv does`, (_, schema) => {
      const grammar = schemaGrammar(schema)
      const validate = ajv.compile(schema as object)
      const wrong = INSTANCES.filter((value) => acceptsValue(grammar, value) !== validate(value))
      ajv.removeSchema()
      expect(wrong).toEqual([])
    })
  }
})

describe('JSON text', () => {
  const everything = schemaGrammar(true)
  it.each([
    ['"\\u00e9\\n\\"\\/"', true],
    ['"\\u0061"', false],
    ['"\\ud83d\\ude00"', true],
    ['"\\ud83d"', false],
    ['"\\ude00"', false],
    ['"\\x"', false],
    ['"a\nb"', false],
    ['01', false],
    ['-0', true],
    ['1.', false],
    ['1e5', true],
    ['1E-07', true],
    ['+1', false],
    ['.5', false],
    ['nul', false],
    ['[1,]', false],
    ['{"a":1,}', false],
    ['{"a":1,"a":2}', false],
    ['{"a":1,"\\u0061":2}', false],
    ['{"a":{"a":1},"b":{"a":1}}', true],
    ['{a:1}', false],
    ['[1] ', false],
    ['{ "a" : 1 , "b" : [ 1 , 2 ] }', true],
    [' {}', false],
    ['{  "a":1}', false],
    [`[\n${' '.repeat(20)}1]`, true],
    [`[\n${' '.repeat(21)}1]`, false],
    ['[\t1]', false],
  ])('%j is accepted: %s', (text, expected) => {
    expect(accepts(everything, text)).toBe(expected)
  })

  it.each([
    ['{"a": 1}', false],
    ['{"a":1}', true],
    [' 1', false],
  ])('without blanks, %j is accepted: %s', (text, expected) => {
    expect(accepts(schemaGrammar(true, 'none'), text)).toBe(expected)
  })

  it.each([
    [{ pattern: '^\\n"é$' }, '"\\n\\"\\u00e9"', true],
    [{ pattern: '^\\n"é$' }, '"\\n\\"\\u00e8"', false],
    [{ maxLength: 1, type: 'string' }, '"\\ud83d\\ude00"', true],
    [{ maxLength: 1, type: 'string' }, '"\\u0061b"', false],
    [{ pattern: '^[😀-😂]$' }, '"\\uD83D\\uDE01"', true],
    [{ pattern: '^[😀-😂]$' }, '"\\uD83D\\uDE03"', false],
    [{ properties: { a: { type: 'null' } }, additionalProperties: false, required: ['a'], type: 'object' }, '{"\\u0061":null}', false],
    [{ type: 'integer' }, '10.0', false],
    [{ type: 'integer' }, '10.01', false],
    [{ minimum: 0.5 }, '0.4999999999999999999999', false],
    [{ minimum: 0.5 }, '0.5000000000000000000000', true],
    [{ maximum: -12.5 }, '-12.4999', false],
    [{ maximum: -12.5 }, '-12.50001', true],
    [{ maximum: 1e21 }, '1000000000000000000001', false],
    [{ exclusiveMaximum: 1e-7 }, '0.00000009', true],
    [{ multipleOf: 0.01 }, '0.07', true],
    [{ multipleOf: 0.01 }, '0.071', false],
    [{ const: 1.5 }, '1.50', false],
    [{ enum: [0] }, '-0', false],
    [{ format: 'date', type: 'string' }, '"2024-02-29"', true],
    [{ format: 'date', type: 'string' }, '"2023-02-29"', false],
    [{ format: 'time' }, '"23:59:59.5+01:00"', true],
    [{ format: 'date-time', type: 'string' }, '"2024-01-31T24:00:00Z"', false],
    [{ format: 'uuid', type: 'string' }, '"123e4567-e89b-12d3-a456-426614174000"', true],
    [{ format: 'ipv6', type: 'string' }, '"2001:db8::1:2"', true],
    [{ format: 'ipv6', type: 'string' }, '"1:2:3:4:5:6:7:8:9"', false],
    [{ format: 'ipv4', type: 'string' }, '"256.1.1.1"', false],
    [{ format: 'email', type: 'string' }, '"a.b@example.com"', true],
    [{ format: 'duration', type: 'string' }, '"P1DT2H"', true],
    [{ format: 'uri', type: 'string' }, '"https://example.com/a?b#c"', true],
    [{ format: 'colour', type: 'string' }, '"anything"', true],
  ])('%j accepts %s: %s', (schema, text, expected) => {
    expect(accepts(schemaGrammar(schema), text)).toBe(expected)
  })
})
