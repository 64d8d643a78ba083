import { invalidRequestError } from '../util/errors.ts'
import { arrayCanFinish, buildArrayShape } from './array-shape.ts'
import { Budget } from './budget.ts'
import type { Term } from './clause.ts'
import { ANYTHING, ARRAY, FALSE, NOTHING, NULL, NUMBER, OBJECT, STRING, TRUE } from './clause.ts'
import type { Dfa } from './dfa.ts'
import type { Branch } from './expand-terms.ts'
import { expandTerms } from './expand-terms.ts'
import type { NumberRule } from './number-language.ts'
import { numberLanguage } from './number-language.ts'
import { buildObjectShape, objectIsPossible, settleObject } from './object-shape.ts'
import { SchemaTerms } from './schema-terms.ts'
import type { Shape, ValueType } from './shapes.ts'
import { StringLanguages } from './string-language.ts'

const MOST_TYPES = 20_000
/** How far a glance goes to see that two schemas exclude each other. */
const GLANCE = 3

/** The type of the values a JSON schema allows, and of all values within. Throws InvalidRequestError (see compileGrammar). */
export function typeOfSchema(schema: unknown): ValueType {
  return new TypeBuilder(schema).build()
}

interface OpenType extends ValueType {
  readonly terms: readonly Term[]
}

/** Makes each type once, from the terms that its values match; so recursive schemas come to an end. */
class TypeBuilder {
  readonly #budget = new Budget()
  readonly #strings = new StringLanguages(this.#budget)
  readonly #schemas: SchemaTerms
  readonly #types: OpenType[] = []
  readonly #byTerms = new Map<string, OpenType>()
  readonly #branches = new Map<string, Branch[]>()
  readonly #numbers = new Map<string, Dfa>()
  readonly #shapes = new Map<string, Shape>()
  readonly #disjoint = new Map<string, boolean>()

  constructor(schema: unknown) {
    this.#schemas = new SchemaTerms(schema, this.#budget, (a, b) => this.#excludes(a, b))
  }

  build(): ValueType {
    const root = this.#typeOf([this.#schemas.root])
    // The list grows while types within are met for the first time.
    for (const type of this.#types) type.shapes = this.#shapesOf(type.terms)
    this.#settle()
    if (!root.possible) {
      throw invalidRequestError(
        'no JSON value matches the JSON schema: its demands exclude each other, or it contains itself without an end',
      )
    }
    return root
  }

  /** Finds which types have values at all, starting from those with plain ones until nothing more is found. */
  #settle(): void {
    const open = new Set([...this.#types].reverse())
    for (let changed = true; changed; ) {
      changed = false
      for (const type of open) {
        this.#budget.spend(1 + type.shapes.length, () => 'the JSON schema')
        if (!type.shapes.some(isPossible)) continue
        type.possible = true
        open.delete(type)
        changed = true
      }
    }
    for (const shape of this.#shapes.values()) {
      if (shape.kind === 'object') settleObject(shape)
      if (shape.kind === 'array') shape.memo.clear()
    }
    for (const type of this.#types) type.shapes = type.shapes.filter(isPossible)
  }

  #typeOf(terms: readonly Term[]): OpenType {
    const kept = normalize(terms)
    const key = kept.join()
    let type = this.#byTerms.get(key)
    if (!type) {
      if (this.#types.length >= MOST_TYPES)
        throw invalidRequestError(`the JSON schema has more than ${MOST_TYPES} kinds of values; use a smaller one`)
      type = { id: this.#types.length, terms: kept, shapes: [], possible: false }
      this.#byTerms.set(key, type)
      this.#types.push(type)
    }
    return type
  }

  #branchesOf(terms: readonly Term[]): Branch[] {
    const kept = normalize(terms)
    const key = kept.join()
    let branches = this.#branches.get(key)
    if (!branches) this.#branches.set(key, (branches = expandTerms(this.#schemas, kept)))
    return branches
  }

  #shapesOf(terms: readonly Term[]): Shape[] {
    const shapes = new Map<string, Shape>()
    const add = (key: string, make: () => Shape) => {
      let shape = this.#shapes.get(key)
      if (!shape) this.#shapes.set(key, (shape = make()))
      shapes.set(key, shape)
    }
    for (const branch of this.#branchesOf(terms)) {
      if (branch.kinds & NULL) add('null', () => ({ kind: 'literal', text: 'null' }))
      if (branch.kinds & TRUE) add('true', () => ({ kind: 'literal', text: 'true' }))
      if (branch.kinds & FALSE) add('false', () => ({ kind: 'literal', text: 'false' }))
      if (branch.kinds & STRING) {
        const language = this.#strings.of(branch.strings)
        add(`string ${language.id}`, () => ({ kind: 'string', language }))
      }
      if (branch.kinds & NUMBER)
        add(`number ${JSON.stringify(branch.numbers)}`, () => ({ kind: 'number', language: this.#number(branch.numbers) }))
      if (branch.kinds & ARRAY) add(`array ${keyOf(branch.arrays)}`, () => this.#array(branch))
      if (branch.kinds & OBJECT) add(`object ${keyOf(branch.objects)}`, () => this.#object(branch))
    }
    return [...shapes.values()]
  }

  #number(rules: readonly NumberRule[]): Dfa {
    const key = JSON.stringify(rules)
    let language = this.#numbers.get(key)
    if (!language)
      this.#numbers.set(key, (language = numberLanguage(rules, this.#budget, () => "the JSON schema's set of rules for a number")))
    return language
  }

  #array(branch: Branch): Shape {
    return buildArrayShape(branch.arrays, this.#shapes.size, (terms) => this.#typeOf(terms))
  }

  #object(branch: Branch): Shape {
    return buildObjectShape(branch.objects, this.#shapes.size, {
      budget: this.#budget,
      strings: this.#strings,
      typeOf: (terms) => this.#typeOf(terms),
      stringsOf: (terms) => {
        const lists = this.#branchesOf(terms).filter(({ kinds }) => kinds & STRING)
        return lists.length > 0 ? this.#strings.tableOfAny(lists.map(({ strings }) => strings)) : this.#strings.tableOf([NO_STRING])
      },
    })
  }

  /** Whether it is plain that no value matches both terms. */
  #excludes(a: Term, b: Term): boolean {
    const key = `${Math.min(a, b)} ${Math.max(a, b)}`
    const known = this.#disjoint.get(key)
    if (known !== undefined) return known
    // A pair that comes back to itself is not plain.
    this.#disjoint.set(key, false)
    const answer = this.#isPlainlyEmpty([a, b], GLANCE)
    this.#disjoint.set(key, answer)
    return answer
  }

  #isPlainlyEmpty(terms: readonly Term[], depth: number): boolean {
    return this.#branchesOf(terms).every((branch) => {
      if (branch.kinds & (NULL | TRUE | FALSE)) return false
      if (branch.kinds & STRING && this.#strings.of(branch.strings).start !== undefined) return false
      if (branch.kinds & NUMBER && this.#number(branch.numbers).start !== undefined) return false
      if (branch.kinds & ARRAY && !this.#arrayIsPlainlyEmpty(branch, depth)) return false
      return !(branch.kinds & OBJECT) || this.#objectIsPlainlyEmpty(branch, depth)
    })
  }

  #arrayIsPlainlyEmpty({ arrays }: Branch, depth: number): boolean {
    const min = Math.max(0, ...arrays.map((rule) => rule.min))
    if (arrays.some((rule) => rule.max < min)) return true
    if (depth === 0 || min === 0) return false
    return this.#isPlainlyEmpty(
      arrays.map(({ prefix, rest }) => prefix[0] ?? rest),
      depth - 1,
    )
  }

  #objectIsPlainlyEmpty({ objects }: Branch, depth: number): boolean {
    const required = new Set(objects.flatMap((rule) => rule.required))
    if (objects.some(({ max }) => max < required.size)) return true
    if (depth === 0) return false
    return [...required].some((key) => {
      const terms = objects.flatMap((rule) => {
        const own = rule.properties.get(key)
        return own !== undefined ? [own] : rule.patterns.length === 0 ? [rule.additional] : []
      })
      return this.#isPlainlyEmpty(terms, depth - 1)
    })
  }
}

const NO_STRING = { kind: 'length', min: 1, max: 0 } as const

const keyOf = (rules: unknown): string =>
  JSON.stringify(rules, (_, value: unknown) => (value instanceof Map ? [...value] : value === Infinity ? 'many' : value))

/** Terms in order, without those that say nothing; terms that exclude each other become NOTHING. */
function normalize(terms: readonly Term[]): Term[] {
  const set = new Set(terms)
  set.delete(ANYTHING)
  set.delete(-NOTHING)
  if (set.has(NOTHING) || set.has(-ANYTHING) || [...set].some((term) => set.has(-term))) return [NOTHING]
  return [...set].sort((a, b) => a - b)
}

function isPossible(shape: Shape): boolean {
  if (shape.kind === 'literal') return true
  if (shape.kind === 'object') return objectIsPossible(shape)
  if (shape.kind === 'string' || shape.kind === 'number') return shape.language.start !== undefined
  shape.memo.clear()
  return arrayCanFinish(shape, 0, 0)
}
