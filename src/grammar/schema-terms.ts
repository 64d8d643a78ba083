import { invalidRequestError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'
import { readArrayClauses } from './array-clauses.ts'
import type { Budget } from './budget.ts'
import type { Clause, Term } from './clause.ts'
import { ANYTHING, clause, NOTHING } from './clause.ts'
import { readLogicClauses } from './logic-clauses.ts'
import { readObjectClauses } from './object-clauses.ts'
import type { RawObject } from './schema-document.ts'
import { isObject, own, SchemaDocument } from './schema-document.ts'
import { makeSchemaView } from './schema-view.ts'
import { readStringClauses } from './string-clauses.ts'
import { readNumberClauses, readValueClauses } from './value-clauses.ts'

/** The numbered schemas within one document, and what their keywords say. */
export class SchemaTerms {
  readonly root: Term
  readonly budget: Budget
  readonly #document: SchemaDocument
  readonly #numbers = new Map<object, Term>()
  readonly #schemas: (RawObject | boolean)[] = [false, true, false]
  readonly #clauses = new Map<Term, readonly Clause[]>()
  readonly #disjoint: (a: Term, b: Term) => boolean

  /** `disjoint` tells whether no value matches both of two terms; false where it is not obvious. */
  constructor(schema: unknown, budget: Budget, disjoint: (a: Term, b: Term) => boolean) {
    this.#document = new SchemaDocument(schema)
    this.budget = budget
    this.#disjoint = disjoint
    this.root = this.#numberOf(this.#document.root)!
  }

  /** The JSON pointer of a numbered schema. */
  pointerOf(term: Term): string {
    const schema = this.#schemas[Math.abs(term)]
    return isObject(schema) ? this.#document.pointerOf(schema) : ''
  }

  /** What a schema says, keyword by keyword. Throws InvalidRequestError for a keyword that is ill-formed or can not be enforced. */
  clausesOf(term: Term): readonly Clause[] {
    const number = Math.abs(term)
    let clauses = this.#clauses.get(number)
    if (!clauses) this.#clauses.set(number, (clauses = this.#read(this.#schemas[number]!)))
    return clauses
  }

  #read(schema: RawObject | boolean): Clause[] {
    if (typeof schema === 'boolean') return schema ? [] : [clause([], [{}])]
    this.budget.spend(10, () => 'the JSON schema')
    const view = makeSchemaView(
      schema,
      this.#document.pointerOf(schema),
      (inner) => this.#numberOf(inner),
      (a, b) => this.#disjoint(a, b),
    )
    const ref = own(schema, '$ref')
    const clauses: Clause[] = []
    if (ref !== undefined) {
      if (typeof ref !== 'string') throw view.fail('$ref', `is ${showValue(ref)}; it must be a string`)
      const target = this.#numberOf(this.#document.resolve(schema, ref))
      if (target === undefined) throw invalidRequestError(`$ref ${showValue(ref)} at ${view.at('$ref')} does not point at a schema`)
      clauses.push(clause([{ terms: [target] }], [{ terms: [-target] }]))
      if (this.#document.refStandsAlone) return clauses
    }
    const readers = [readValueClauses, readNumberClauses, readStringClauses, readArrayClauses, readObjectClauses, readLogicClauses]
    for (const reader of readers) clauses.push(...reader(view))
    return clauses
  }

  #numberOf(schema: unknown): Term | undefined {
    if (typeof schema === 'boolean') return schema ? ANYTHING : NOTHING
    if (!isObject(schema)) return undefined
    let number = this.#numbers.get(schema)
    if (number === undefined) {
      number = this.#schemas.length
      this.#numbers.set(schema, number)
      this.#schemas.push(schema)
    }
    return number
  }
}
