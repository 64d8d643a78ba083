import { invalidRequestError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'
import type { SchemaView, Term } from './clause.ts'
import type { RawObject } from './schema-document.ts'
import { isObject, own } from './schema-document.ts'

/** Typed access to the keywords of one schema object; each reader throws InvalidRequestError with the keyword's JSON pointer. */
export function makeSchemaView(
  raw: RawObject,
  pointer: string,
  numberOf: (schema: unknown) => Term | undefined,
  disjoint: (a: Term, b: Term) => boolean,
): SchemaView {
  const at = (keyword: string) => `${keyword} at ${pointer}/${keyword}`
  const fail = (keyword: string, problem: string) => invalidRequestError(`the JSON schema's ${at(keyword)} ${problem}`)
  const number = (keyword: string): number | undefined => {
    const value = own(raw, keyword)
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !Number.isFinite(value)) throw fail(keyword, `is ${showValue(value)}; it must be a number`)
    return value
  }
  const term = (keyword: string, schema: unknown): Term => {
    const found = numberOf(schema)
    if (found === undefined) throw fail(keyword, `holds ${showValue(schema)}; a schema must be an object or a boolean`)
    return found
  }
  return {
    raw,
    at,
    fail,
    number,
    term,
    disjoint,
    has: (keyword) => own(raw, keyword) !== undefined,
    count(keyword) {
      const value = number(keyword)
      if (value !== undefined && !(Number.isInteger(value) && value >= 0))
        throw fail(keyword, `is ${value}; it must be an integer of at least 0`)
      return value
    },
    texts(keyword, value) {
      if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) {
        throw fail(keyword, `is ${showValue(value)}; it must be a list of strings`)
      }
      return value
    },
    object(keyword) {
      const value = own(raw, keyword)
      if (value === undefined) return undefined
      if (!isObject(value)) throw fail(keyword, `is ${showValue(value)}; it must be an object`)
      return value
    },
    terms(keyword) {
      const value = own(raw, keyword)
      if (value === undefined) return undefined
      if (!Array.isArray(value) || value.length === 0)
        throw fail(keyword, `is ${showValue(value)}; it must be a list of at least one schema`)
      return value.map((schema) => term(keyword, schema))
    },
  }
}
