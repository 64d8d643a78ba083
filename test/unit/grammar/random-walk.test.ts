import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import type { Grammar, TokenMatcher } from '../../../src/grammar/index.ts'
import { compileGrammar } from '../../../src/grammar/index.ts'
import { refusal, schemaGrammar } from './json-schema.ts'
import { allows, byteToken, END_ID, matcherOf, randomOf, TOKENS } from './vocabulary.ts'

type Random = (n: number) => number
const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false })
const tokensOf = (chars: string) => [...chars].map((char) => byteToken(char.charCodeAt(0)))
// What brings JSON to its end, best first: within a string, and elsewhere.
const CLOSE_STRING = tokensOf('"')
const CLOSE = tokensOf('}]:,"0aeful{[')
const inString = (bytes: readonly number[]) =>
  (String.fromCharCode(...bytes)
    .replace(/\\./gs, '')
    .split('"').length -
    1) %
    2 ===
  1

/** Writes an answer of random allowed tokens; after `patience` of them it looks for the end. */
function write(matcher: TokenMatcher, random: Random, patience: number, json = true): string {
  const bytes: number[] = []
  for (let step = 0; step < 3000; step++) {
    const mask = matcher.mask()
    const hurried = step > patience
    const allowed = TOKENS.flatMap((_, id) => (id !== END_ID && allows(mask, id) ? [id] : []))
    if (allows(mask, END_ID) && (hurried || allowed.length === 0 || random(4) === 0)) {
      expect(matcher.accept(END_ID)).toBe(true)
      return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes))
    }
    if (allowed.length === 0) throw new Error(`nothing may follow ${new TextDecoder().decode(Uint8Array.from(bytes))}`)
    const closers = inString(bytes) ? CLOSE_STRING : CLOSE
    const closer = json ? closers.find((token) => allows(mask, token)) : undefined
    const token = closer !== undefined && random(hurried ? 8 : 3) > 0 ? closer : allowed[random(allowed.length)]!
    expect(matcher.accept(token)).toBe(true)
    bytes.push(...TOKENS[token]!)
  }
  throw new Error(`no end after ${new TextDecoder().decode(Uint8Array.from(bytes)).slice(0, 200)}`)
}

const pick = <T>(random: Random, items: readonly T[]): T => items[random(items.length)]!
const KEYS = ['a', 'ab', 'é', 'foo"', '']

function randomScalar(random: Random): Record<string, unknown> {
  return pick(random, [
    { type: 'null' },
    { type: 'boolean' },
    { type: 'integer', minimum: random(50) - 25, maximum: 25 + random(1000) },
    { type: 'number', exclusiveMinimum: -1.5, maximum: random(9) / 4 },
    { type: 'integer', multipleOf: 1 + random(12), minimum: -999, maximum: 999 },
    { type: 'string', minLength: random(3), maxLength: 3 + random(3) },
    { type: 'string', pattern: pick(random, ['^[a-c]+\\d$', 'x', '^(é|😀)*$', '^\\w{2,4}$']) },
    { enum: [1, 'a"', null, [true], { k: 'v' }] },
    { type: ['string', 'null'], not: { enum: ['', 'a'] } },
    { type: 'string', pattern: '^.{1,4}$', not: { pattern: 'a' } },
  ])
}

function randomObject(random: Random, depth: number): Record<string, unknown> {
  const keys = KEYS.filter(() => random(2) === 0)
  const properties = Object.fromEntries(keys.map((key) => [key, randomSchema(random, depth - 1)]))
  // Only where no other keys may come does a random walk meet the required ones soon.
  const closed = { required: keys.filter(() => random(2) === 0), additionalProperties: false }
  const rest = pick<Record<string, unknown>>(random, [
    closed,
    { ...closed, dependentRequired: keys.length > 1 ? { [keys[0]!]: [keys[1]!] } : {} },
    { ...closed, maxProperties: 2 },
    { ...closed, patternProperties: { '^[xy]$': randomScalar(random) }, minProperties: random(3) },
    { ...closed, patternProperties: { '^a': randomScalar(random) } },
    { additionalProperties: randomScalar(random) },
    { propertyNames: { maxLength: 3 } },
  ])
  return { type: 'object', properties, ...rest }
}

function randomArray(random: Random, depth: number): Record<string, unknown> {
  const item = () => randomSchema(random, depth - 1)
  return pick<Record<string, unknown>>(random, [
    { type: 'array', items: item(), minItems: random(3), maxItems: 3 },
    { type: 'array', prefixItems: [item(), item()], items: pick<unknown>(random, [false, item()]), minItems: random(3) },
    {
      type: 'array',
      items: { type: ['integer', 'string'] },
      contains: { type: 'integer', minimum: 5 },
      minContains: random(3),
      maxContains: 2,
    },
    { type: 'array', prefixItems: [item()], contains: item(), maxItems: 4 },
  ])
}

function randomSchema(random: Random, depth: number): Record<string, unknown> {
  const kind = depth === 0 ? 0 : random(7)
  const inner = () => randomSchema(random, depth - 1)
  if (kind === 1 || kind === 2) return randomObject(random, depth)
  if (kind === 3) return randomArray(random, depth)
  if (kind === 4) return { anyOf: [inner(), inner()] }
  if (kind === 5)
    return {
      allOf: [inner(), pick<object>(random, [{ maxProperties: 2 }, { minItems: 1 }, { minLength: 1 }, { properties: { a: inner() } }])],
    }
  if (kind === 6) return { oneOf: [inner(), { type: 'string', maxLength: 2 }] }
  return randomScalar(random)
}

describe('answers of random allowed tokens', () => {
  it('always reach an end, parse as JSON and are valid for a schema', () => {
    let compiled = 0
    let refused = 0
    for (let seed = 1; seed <= 120; seed++) {
      const random = randomOf(seed)
      const schema = randomSchema(random, 3)
      let grammar: Grammar
      try {
        grammar = schemaGrammar(schema, seed % 2 ? 'some' : 'none')
      } catch (error) {
        // Demands that exclude each other, and opposites that are not supported, do occur by chance.
        expect((error as Error).name).toBe('InvalidRequestError')
        refused++
        continue
      }
      compiled++
      const validate = ajv.compile(schema)
      for (let round = 0; round < 3; round++) {
        const text = write(matcherOf(grammar), random, 5 + 20 * round)
        if (!validate(JSON.parse(text))) throw new Error(`${text} is not valid for ${JSON.stringify(schema)}`)
      }
      ajv.removeSchema()
    }
    expect(compiled + refused).toBe(120)
    expect(refused).toBeLessThan(30)
  })

  it('are any JSON object for json_object, with no key twice', () => {
    const grammar = compileGrammar({ kind: 'json_object', whitespace: 'some' })
    const random = randomOf(7)
    for (let round = 0; round < 30; round++) {
      const value: unknown = JSON.parse(write(matcherOf(grammar), random, 40))
      expect(Object.prototype.toString.call(value)).toBe('[object Object]')
    }
  })

  it.each([['^a(b|cd)*$'], ['\\p{Lu}\\p{Ll}{2,5}( \\d+)?'], ['(a|b)*abb'], ['[^\\x00-\\x7f]{1,3}'], ['(foo|ba[rz]){2,}\\.']])(
    'match the regex %s',
    (pattern) => {
      const random = randomOf(11)
      const grammar = compileGrammar({ kind: 'regex', pattern })
      for (let round = 0; round < 20; round++)
        expect(write(matcherOf(grammar), random, 10, false)).toMatch(new RegExp(`^(?:${pattern})$`, 'u'))
    },
  )

  it('are one of the choices', () => {
    const texts = ['yes', 'no', 'nothing', 'é', '日本', '']
    const grammar = compileGrammar({ kind: 'choice', texts })
    const random = randomOf(3)
    for (let round = 0; round < 30; round++) expect(texts).toContain(write(matcherOf(grammar), random, 10, false))
  })
})

describe('the mask', () => {
  it('holds exactly the tokens that accept takes, also for keys written before and within one token', () => {
    const specs = [
      compileGrammar({ kind: 'json_object', whitespace: 'some' }),
      schemaGrammar({ type: 'object', patternProperties: { '^[ab]$': true }, additionalProperties: false }),
      schemaGrammar({ anyOf: [{ type: 'object', properties: { foo: { type: 'integer' } } }, { type: 'array' }] }),
    ]
    const texts = ['{"a":1,"', '{"b":1,"a', '{"a', '{"', '{"foo":1', '{"foo":1,"fo', '{"x":[{"a":"€', '[1,[2,{"y": "']
    let compared = 0
    for (const grammar of specs) {
      for (const text of texts) {
        const prefix = [...new TextEncoder().encode(text)].map(byteToken)
        const follow = (): TokenMatcher | undefined => {
          const matcher = matcherOf(grammar)
          return prefix.every((token) => matcher.accept(token)) ? matcher : undefined
        }
        const mask = follow()?.mask()
        if (!mask) continue
        compared++
        const differing = TOKENS.flatMap((_, id) => (allows(mask, id) === follow()!.accept(id) ? [] : [id]))
        expect(differing).toEqual([])
      }
    }
    expect(compared).toBeGreaterThan(12)
  })
})

describe('refusals met by chance', () => {
  it('are none for the kinds of schemas that are used here one by one', () => {
    const random = randomOf(5)
    const refusals = Array.from({ length: 60 }, () => refusal(() => schemaGrammar(randomScalar(random)))).filter(
      (found) => found !== undefined,
    )
    expect(refusals).toEqual([])
  })
})
