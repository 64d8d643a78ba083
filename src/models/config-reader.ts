import { modelLoadError } from '../util/errors.ts'

type Json = Readonly<Record<string, unknown>>

/** Reads checked values out of a parsed JSON file; errors name file, key, value and what is allowed. */
export interface ConfigReader {
  /** A whole number from `min` (default 1) to `max` (default: no limit). */
  integer(key: string, options?: { fallback?: number; min?: number; max?: number }): number
  /** A finite number above zero. */
  positive(key: string, fallback?: number): number
  flag(key: string, fallback: boolean): boolean
  text(key: string, fallback: string): string
  /** Whole numbers; `length` if it is fixed. */
  integers(key: string, options?: { length?: number; fallback?: readonly number[] }): readonly number[]
  /** Finite numbers of this length. */
  numbers(key: string, length: number, fallback?: readonly number[]): readonly number[]
  /** A nested object; an empty one when absent. */
  nested(key: string): ConfigReader
  has(key: string): boolean
  isList(key: string): boolean
}

/** Wraps a parsed JSON object. file: its name, for messages. path: where in the file, for messages. */
export function configReader(file: string, json: unknown, path = ''): ConfigReader {
  const object = isObject(json) ? json : {}
  const value = (key: string): unknown => object[key] ?? undefined
  const fail = (key: string, allowed: string): Error =>
    modelLoadError(`${file}: ${path}${key} is ${JSON.stringify(value(key)) ?? 'missing'}; it must be ${allowed}.`)
  const check = <T>(key: string, fallback: T | undefined, allowed: string, accept: (v: unknown) => boolean): T => {
    const found = value(key)
    if (found === undefined && fallback !== undefined) return fallback
    if (!accept(found)) throw fail(key, allowed)
    return found as T
  }
  return {
    integer: (key, { fallback, min = 1, max } = {}) => {
      const allowed = max === undefined ? `a whole number of at least ${min}` : `a whole number from ${min} to ${max}`
      return check(key, fallback, allowed, (v) => Number.isSafeInteger(v) && (v as number) >= min && (v as number) <= (max ?? Infinity))
    },
    positive: (key, fallback) => check(key, fallback, 'a number above zero', (v) => Number.isFinite(v) && (v as number) > 0),
    flag: (key, fallback) => check(key, fallback, 'true or false', (v) => typeof v === 'boolean'),
    text: (key, fallback) => check(key, fallback, 'a string', (v) => typeof v === 'string'),
    integers: (key, { length, fallback } = {}) =>
      check(key, fallback, `${length ?? 'some'} whole numbers`, (v) => isNumbers(v, length) && v.every(Number.isSafeInteger)),
    numbers: (key, length, fallback) => check(key, fallback, `${length} numbers`, (v) => isNumbers(v, length)),
    nested: (key) => configReader(file, value(key), `${path}${key}.`),
    has: (key) => value(key) !== undefined,
    isList: (key) => Array.isArray(value(key)),
  }
}

const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v)

const isNumbers = (v: unknown, length: number | undefined): v is number[] =>
  Array.isArray(v) && (length === undefined || v.length === length) && v.every(Number.isFinite)
