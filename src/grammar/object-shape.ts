import { invalidRequestError } from '../util/errors.ts'
import type { Budget } from './budget.ts'
import { combine, countTexts, relabel } from './build-dfa.ts'
import type { ObjectRule, Term } from './clause.ts'
import { ANYTHING, NOTHING } from './clause.ts'
import type { Dfa } from './dfa.ts'
import type { FreeKeys, ObjectShape, ValueType } from './shapes.ts'
import { countBits } from './shapes.ts'
import type { StringLanguages } from './string-language.ts'

/** What building the shape of an object needs. */
export interface ObjectTools {
  readonly budget: Budget
  readonly strings: StringLanguages
  typeOf(terms: readonly Term[]): ValueType
  /** The language of the strings that match all terms. */
  stringsOf(terms: readonly Term[]): Dfa
}

const WHAT = () => "the JSON schema's patternProperties and propertyNames"

/** Puts the rules for an object together. */
export function buildObjectShape(rules: readonly ObjectRule[], id: number, tools: ObjectTools): ObjectShape {
  const named = new Set(
    rules.flatMap((rule) => [...rule.properties.keys(), ...rule.required, ...[...rule.needs].flatMap(([k, v]) => [k, ...v])]),
  )
  const keys = [...named].sort()
  tools.budget.spend(keys.length * (1 + rules.length), () => 'the JSON schema')
  const indexOf = new Map(keys.map((key, index) => [key, index]))
  const patterns = new Map(
    rules.flatMap((rule) => rule.patterns.map(({ pattern, where }) => [pattern, tools.strings.tableOfPattern(pattern, where)] as const)),
  )
  const nameTerms = rules.map(({ names }) => names).filter((term) => term !== ANYTHING)
  const names = nameTerms.length > 0 ? tools.stringsOf(nameTerms) : undefined
  const termsOf = (key: string | undefined, matches: (pattern: string) => boolean): Term[] =>
    rules.flatMap((rule) => {
      const own = key === undefined ? undefined : rule.properties.get(key)
      const found = rule.patterns.filter(({ pattern }) => matches(pattern)).map(({ term }) => term)
      if (own !== undefined) found.push(own)
      return found.length > 0 ? found : [rule.additional]
    })
  const typeOfKey = (key: string): ValueType => {
    if (names && names.labelOf(key) < 0) return tools.typeOf([NOTHING])
    return tools.typeOf(termsOf(key, (pattern) => patterns.get(pattern)!.labelOf(key) >= 0))
  }
  const brings = followNeeds(rules, indexOf)
  const min = Math.max(0, ...rules.map((rule) => rule.min))
  const max = Math.min(Infinity, ...rules.map((rule) => rule.max))
  if (min > 0 && max < Infinity && rules.some(({ needs }) => needs.size > 0)) {
    throw invalidRequestError(
      "the JSON schema's dependentRequired can not be enforced beside both minProperties and maxProperties; leave one out",
    )
  }
  return {
    kind: 'object',
    id,
    keys,
    indexOf,
    types: keys.map(typeOfKey),
    free: freeKeys(patterns, names, (matches) => tools.typeOf(termsOf(undefined, matches)), tools),
    min,
    max,
    required: [...new Set(rules.flatMap(({ required }) => required))].reduce((bits, key) => bits | brings(indexOf.get(key)!), 0n),
    brings,
    usable: 0n,
  }
}

/** For each key, the keys that it brings with it, directly or by others. */
function followNeeds(rules: readonly ObjectRule[], indexOf: ReadonlyMap<string, number>): (index: number) => bigint {
  const bitOf = (index: number) => 1n << BigInt(index)
  const needs = new Map<number, number[]>()
  for (const rule of rules) {
    for (const [key, others] of rule.needs) {
      const index = indexOf.get(key)!
      needs.set(index, [...(needs.get(index) ?? []), ...others.map((other) => indexOf.get(other)!)])
    }
  }
  const memo = new Map<number, bigint>()
  const follow = (index: number): bigint => {
    const known = memo.get(index)
    if (known !== undefined) return known
    const found = new Set([index])
    for (const at of found) for (const other of needs.get(at) ?? []) found.add(other)
    const bits = [...found].reduce((sum, at) => sum | bitOf(at), 0n)
    memo.set(index, bits)
    return bits
  }
  return (index) => (needs.has(index) ? follow(index) : bitOf(index))
}

/** The keys that are not named, sorted by the patterns they match. */
function freeKeys(
  patterns: ReadonlyMap<string, Dfa>,
  names: Dfa | undefined,
  typeOf: (matches: (pattern: string) => boolean) => ValueType,
  { budget, strings }: ObjectTools,
): FreeKeys {
  const list = [...patterns.keys()]
  const types: ValueType[] = []
  const classes = new Map<string, number>()
  const label = (labels: readonly number[]): number => {
    if (names && labels[0]! < 0) return -1
    const own = labels.slice(1)
    const key = own.map((found) => (found >= 0 ? 1 : 0)).join('')
    let index = classes.get(key)
    if (index === undefined) {
      classes.set(key, (index = types.length))
      types.push(typeOf((pattern) => own[list.indexOf(pattern)]! >= 0))
    }
    return index
  }
  const alive = (states: readonly number[]) => states[0]! >= 0
  const language = combine([names ?? strings.tableOf([]), ...patterns.values()], { label, alive }, budget, WHAT)
  return { language, types, counts: new Float64Array() }
}

/** Free keys without those whose type no value has. */
function possibleKeys(free: FreeKeys): FreeKeys | undefined {
  const all = free.types.every(({ possible }) => possible)
  const language = all ? free.language : relabel(free.language, (label) => (free.types[label]!.possible ? label : -1))
  return language.start === undefined ? undefined : { ...free, language, counts: countTexts(language) }
}

function usableKeys(shape: ObjectShape): bigint {
  let available = 0n
  shape.types.forEach(({ possible }, index) => {
    if (possible) available |= 1n << BigInt(index)
  })
  let usable = available
  shape.types.forEach((_, index) => {
    if (shape.brings(index) & ~available) usable &= ~(1n << BigInt(index))
  })
  return usable
}

/** Whether some object has this shape, as far as it is known which types are possible. */
export function objectIsPossible(shape: ObjectShape): boolean {
  const usable = usableKeys(shape)
  if ((shape.required & ~usable) !== 0n || countBits(shape.required) > shape.max || shape.min > shape.max) return false
  const named = countBits(usable)
  if (named >= shape.min) return true
  const free = shape.free && possibleKeys(shape.free)
  if (!free) return false
  const taken = shape.keys.filter((key) => free.language.labelOf(key) >= 0).length
  return named + free.counts[0]! - taken >= shape.min
}

/** Settles what depends on which types are possible. */
export function settleObject(shape: ObjectShape): void {
  shape.usable = usableKeys(shape)
  shape.free = shape.free && possibleKeys(shape.free)
}
