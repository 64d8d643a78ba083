import type { NumberRule } from './number-language.ts'
import type { RawObject } from './schema-document.ts'

/** Kinds of JSON values, as bits. */
export const NULL = 1
export const TRUE = 2
export const FALSE = 4
export const NUMBER = 8
export const STRING = 16
export const ARRAY = 32
export const OBJECT = 64
export const ALL_KINDS = 127

/** A schema that a value must match, or with a minus sign must not match. Schemas are numbered by SchemaTerms. */
export type Term = number
/** The schemas true and false. */
export const ANYTHING: Term = 1
export const NOTHING: Term = 2

/** One demand on a string. */
export type StringRule =
  | { readonly kind: 'length'; readonly min: number; readonly max: number }
  /** `search`: the pattern may match anywhere. `where` begins messages about it. */
  | { readonly kind: 'pattern'; readonly pattern: string; readonly search: boolean; readonly not: boolean; readonly where: string }
  | { readonly kind: 'texts'; readonly texts: readonly string[]; readonly not: boolean }

/** Demands on an array: items by place, then `rest`; `contains` counts the items that match its term. */
export interface ArrayRule {
  readonly prefix: readonly Term[]
  readonly rest: Term
  readonly min: number
  readonly max: number
  readonly contains?: { readonly term: Term; readonly min: number; readonly max: number }
}

/** Demands on an object. `additional` is for the keys that neither `properties` nor `patterns` speaks of. */
export interface ObjectRule {
  readonly properties: ReadonlyMap<string, Term>
  readonly patterns: readonly { readonly pattern: string; readonly term: Term; readonly where: string }[]
  readonly additional: Term
  readonly required: readonly string[]
  readonly min: number
  readonly max: number
  /** What each key must match, as a string. */
  readonly names: Term
  /** Keys that a key brings with it. */
  readonly needs: ReadonlyMap<string, readonly string[]>
}

/** Things that hold together: a value of one of `kinds`, that keeps the rules of its kind and matches all terms. */
export interface Alternative {
  readonly kinds?: number
  readonly terms?: readonly Term[]
  readonly string?: StringRule
  readonly number?: NumberRule
  readonly array?: ArrayRule
  readonly object?: ObjectRule
}

/** What one keyword says: a value matches if it matches one alternative of `yes`, and does not if it matches one of `no`. */
export interface Clause {
  yes(): readonly Alternative[]
  /** Throws InvalidRequestError where the opposite can not be enforced. */
  no(): readonly Alternative[]
}

/** A clause whose alternatives are at hand. */
export const clause = (yes: readonly Alternative[], no: readonly Alternative[]): Clause => ({ yes: () => yes, no: () => no })

/** Rules that every array keeps. */
export const ANY_ARRAY: ArrayRule = { prefix: [], rest: ANYTHING, min: 0, max: Infinity }
/** Rules that every object keeps. */
export const ANY_OBJECT: ObjectRule = {
  properties: new Map(),
  patterns: [],
  additional: ANYTHING,
  required: [],
  min: 0,
  max: Infinity,
  names: ANYTHING,
  needs: new Map(),
}

/** What the readers of keywords are given: one schema object, typed access to its keywords, and numbers for the schemas within. */
export interface SchemaView {
  readonly raw: RawObject
  has(keyword: string): boolean
  /** The error for a keyword: `problem` says what is wrong and what is allowed. */
  fail(keyword: string, problem: string): Error
  /** Where a keyword stands, for messages. */
  at(keyword: string): string
  /** A count (an integer of at least 0), or undefined. */
  count(keyword: string): number | undefined
  number(keyword: string): number | undefined
  texts(keyword: string, value: unknown): string[]
  object(keyword: string): RawObject | undefined
  /** Numbers the schema under a keyword. */
  term(keyword: string, schema: unknown): Term
  terms(keyword: string): Term[] | undefined
  /** Whether two terms can be told apart at a glance: no value matches both. */
  disjoint(a: Term, b: Term): boolean
}
