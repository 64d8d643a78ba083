import { alphabetOfSets } from './alphabet.ts'
import type { Budget } from './budget.ts'
import { buildDfa, intersect, type Machine } from './build-dfa.ts'
import { setOfText } from './char-set.ts'
import type { Decimal } from './decimal.ts'
import { decimalOf } from './decimal.ts'
import { languageOfRegex } from './determinize.ts'
import type { Dfa } from './dfa.ts'

/** One demand on a number; `not` turns it round. */
export type NumberRule =
  | { readonly kind: 'integer'; readonly not: boolean }
  /** What the number may be compared with `bound`: less, equal, greater. */
  | { readonly kind: 'compare'; readonly bound: number; readonly less: boolean; readonly equal: boolean; readonly greater: boolean }
  | { readonly kind: 'multiple'; readonly of: number; readonly not: boolean }
  | { readonly kind: 'values'; readonly values: readonly number[]; readonly not: boolean }

// Exponents stop at what a double still holds.
const FREE = '-?(0|[1-9]\\d{0,62})(\\.\\d{1,24})?([eE][+-]?0?(\\d\\d?|[12]\\d\\d|30[0-7]))?'
const PLAIN = '-?(0|[1-9]\\d*)(\\.\\d+)?'
// More digits than any double has, but no end of them: a weak model would go on for ever. Not for multiples, whose states would be too many.
const SHORT = '-?(0|[1-9]\\d{0,62})(\\.\\d{1,24})?'
const INTEGER = '-?(0|[1-9]\\d*)'
/** Begins messages about numbers written as a pattern. */
const WHERE = "the JSON schema's set of numbers"
const SYMBOLS = [...'-.0123456789']
// In the order of their code points, as atoms are numbered.
const ALPHABET = alphabetOfSets(SYMBOLS.map(setOfText)).alphabet

/** The most states a check of multiples may have. */
const MOST_REMAINDERS = 20_000

/** The numbers that keep all rules, as JSON writes them. With rules there are no exponents: 100, never 1e2; an integer is 1, never 1.0. */
export function numberLanguage(rules: readonly NumberRule[], budget: Budget, what: () => string): Dfa {
  const regex = (pattern: string) => languageOfRegex(pattern, false, WHERE, budget)
  if (rules.length === 0) return regex(FREE)
  const within = [regex(rules.some(({ kind }) => kind === 'multiple') ? PLAIN : SHORT)]
  const without: Dfa[] = []
  for (const rule of rules) {
    const dfa = languageOfRule(rule, budget, what)
    if (rule.kind !== 'compare' && rule.not) without.push(dfa)
    else within.push(dfa)
  }
  return intersect(within, without, budget, what)
}

/** Whether multiples of a number can be told by an automaton. */
export const multipleIsFeasible = (of: number): boolean => {
  const { modulus, places } = scaled(of)
  return modulus * (places + 1) <= MOST_REMAINDERS
}

function languageOfRule(rule: NumberRule, budget: Budget, what: () => string): Dfa {
  if (rule.kind === 'integer') return languageOfRegex(INTEGER, false, WHERE, budget)
  if (rule.kind === 'compare') return buildDfa(comparison(rule), budget, what)
  if (rule.kind === 'multiple') return buildDfa(multiples(rule.of), budget, what)
  return languageOfRegex(rule.values.map(spellings).join('|') || '[]', false, WHERE, budget)
}

function spellings(value: number): string {
  const { negative, whole, fraction } = decimalOf(value)
  return (negative ? '-' : '') + whole + (fraction === '' ? '' : `\\.${fraction}`)
}

/** Where reading a number stands: its sign, the part being read, digits read of it, and how what is read compares with the bound's size. */
interface Reading {
  readonly minus: boolean
  readonly part: 'sign' | 'whole' | 'fraction'
  readonly read: number
  readonly size: number
}

type Comparison = Extract<NumberRule, { kind: 'compare' }>

function comparison(rule: Comparison): Machine<Reading> {
  const bound = decimalOf(rule.bound)
  return {
    start: { minus: false, part: 'sign', read: 0, size: 0 },
    alphabet: ALPHABET,
    keyOf: ({ minus, part, read, size }) => `${minus ? '-' : '+'}${part}${read} ${size}`,
    *ways(state) {
      for (let atom = 0; atom < SYMBOLS.length; atom++) {
        const target = readSymbol(state, SYMBOLS[atom]!, bound)
        if (target) yield [atom, target] as const
      }
    },
    labelOf: (state) => {
      const order = compareValue(state, bound, rule.bound === 0)
      return (order < 0 ? rule.less : order > 0 ? rule.greater : rule.equal) ? 0 : -1
    },
  }
}

function readSymbol(state: Reading, symbol: string, bound: Decimal): Reading | undefined {
  const { minus, part, read, size } = state
  if (symbol === '-') return part === 'sign' && !minus ? { ...state, minus: true } : undefined
  if (symbol === '.') return part === 'whole' ? { minus, part: 'fraction', read: 0, size: wholeSize(state, bound) } : undefined
  if (part === 'fraction') {
    if (size !== 0) return state
    return { minus, part, read: Math.min(read + 1, bound.fraction.length), size: order(symbol, bound.fraction[read] ?? '0') }
  }
  const digit = bound.whole[read]
  const count = Math.min(read + 1, bound.whole.length + 1)
  return { minus, part: 'whole', read: count, size: size !== 0 || digit === undefined ? size : order(symbol, digit) }
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** How the whole part compares: more digits make the larger number, else the first difference decides. */
function wholeSize({ read, size }: Reading, bound: Decimal): number {
  return read === bound.whole.length ? size : read < bound.whole.length ? -1 : 1
}

function compareValue(state: Reading, bound: Decimal, boundIsZero: boolean): number {
  const whole = state.part === 'fraction' ? state.size : wholeSize(state, bound)
  const rest = state.part === 'fraction' ? bound.fraction.length - state.read : bound.fraction.length
  const size = whole !== 0 ? whole : rest > 0 ? -1 : 0
  if (state.minus) return bound.negative || boundIsZero ? 0 - size : -1
  return bound.negative ? 1 : size
}

function scaled(of: number): { modulus: number; places: number } {
  const { whole, fraction } = decimalOf(of)
  return { modulus: Number(whole + fraction), places: fraction.length }
}

/** Multiples: the remainder so far, and how many of the decimal places that count are read (-1 before the point). */
function multiples(of: number): Machine<{ remainder: number; places: number }> {
  const { modulus, places: most } = scaled(of)
  return {
    start: { remainder: 0, places: -1 },
    alphabet: ALPHABET,
    keyOf: ({ remainder, places }) => `${remainder} ${places}`,
    *ways({ remainder, places }) {
      if (places < 0) yield [0, { remainder, places }] as const
      if (places < 0) yield [1, { remainder, places: 0 }] as const
      for (let digit = 0; digit < 10; digit++) {
        const target = { remainder: (remainder * 10 + digit) % modulus, places: places < 0 ? places : places + 1 }
        if (places < most) yield [digit + 2, target] as const
        else if (digit === 0) yield [2, { remainder, places }] as const
      }
    },
    labelOf: ({ remainder, places }) => {
      let rest = remainder
      for (let place = Math.max(0, places); place < most; place++) rest = (rest * 10) % modulus
      return rest === 0 ? 0 : -1
    },
  }
}
