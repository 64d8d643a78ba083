import { LAST_CODE_POINT } from './char-set.ts'
import type { TextStates } from './dfa.ts'

/** How far a character is read, packed into a number: 0 between characters. */
export type Pending = number

/** What a byte makes of a text: the state after it, the end of a JSON string, or undefined where it may not come. */
export type TextStep<S> = { readonly state: S; readonly pending: Pending } | 'close' | undefined

// Kinds of unfinished characters, in bits 25 and up. Bits 22 to 24 count; the rest is the value so far.
const UTF8 = 1
/** After a backslash. */
const ESCAPE = 2
/** Within \uXXXX. */
const HEX = 3
/** After the first half of a surrogate pair: the backslash, the u and the digits of the second. */
const PAIR_SLASH = 4
const PAIR_U = 5
const PAIR_HEX = 6
const pack = (kind: number, count: number, value: number): Pending => (kind << 25) | (count << 22) | value

const QUOTE = 0x22
const BACKSLASH = 0x5c
const LETTER_U = 0x75
const ESCAPES: ReadonlyMap<number, number> = new Map(
  Object.entries({ '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }).map(([from, to]) => [
    from.charCodeAt(0),
    to.charCodeAt(0),
  ]),
)
/** The least code point of a UTF-8 sequence, by its length. */
const LEAST = [0, 0, 0x80, 0x800, 0x10000]

/**
 * Reads one byte of UTF-8 into a text. With `json` the text stands in a JSON string: a quote closes it, control characters may only
 * come escaped, and every escape counts as the character it stands for (surrogates in pairs only; printable ASCII has no \uXXXX).
 */
export function stepText<S>(states: TextStates<S>, state: S, pending: Pending, byte: number, json: boolean): TextStep<S> {
  if (pending === 0) return beginCharacter(states, state, byte, json)
  const kind = pending >> 25
  const count = (pending >> 22) & 7
  const value = pending & 0x3fffff
  if (kind === UTF8)
    return byte >> 6 === 2 ? utf8(states, state, value >> 16, count - 1, ((value & 0xffff) << 6) | (byte & 0x3f)) : undefined
  if (kind === ESCAPE) return afterBackslash(states, state, byte)
  if (kind === PAIR_SLASH) return byte === BACKSLASH ? { state, pending: pack(PAIR_U, 0, value) } : undefined
  if (kind === PAIR_U) return byte === LETTER_U ? { state, pending: pack(PAIR_HEX, 0, value << 12) } : undefined
  const digit = hexDigit(byte)
  if (digit < 0) return undefined
  return kind === HEX ? escaped(states, state, count + 1, (value << 4) | digit) : pairEscaped(states, state, count + 1, value, digit)
}

function finish<S>(states: TextStates<S>, state: S, codePoint: number): TextStep<S> {
  const next = states.next(state, codePoint)
  return next === undefined ? undefined : { state: next, pending: 0 }
}

function beginCharacter<S>(states: TextStates<S>, state: S, byte: number, json: boolean): TextStep<S> {
  if (json) {
    if (byte === QUOTE) return states.accepts(state) ? 'close' : undefined
    if (byte === BACKSLASH) return hasEscape(states, state) ? { state, pending: pack(ESCAPE, 0, 0) } : undefined
    if (byte < 0x20) return undefined
  }
  if (byte < 0x80) return finish(states, state, byte)
  if (byte >= 0xc2 && byte <= 0xdf) return utf8(states, state, 2, 1, byte & 0x1f)
  if (byte >= 0xe0 && byte <= 0xef) return utf8(states, state, 3, 2, byte & 0x0f)
  if (byte >= 0xf0 && byte <= 0xf4) return utf8(states, state, 4, 3, byte & 0x07)
  return undefined
}

/** A sequence of `length` bytes with `left` to come; a prefix may come if some character with it may. */
function utf8<S>(states: TextStates<S>, state: S, length: number, left: number, value: number): TextStep<S> {
  if (left === 0) return value >= LEAST[length]! && value <= LAST_CODE_POINT ? finish(states, state, value) : undefined
  const low = Math.max(value << (6 * left), LEAST[length]!)
  const high = Math.min(((value + 1) << (6 * left)) - 1, LAST_CODE_POINT)
  // The length stands above bit 16: with a byte to come, the value has at most 15 bits.
  return low <= high && states.hasWithin(state, low, high) ? { state, pending: pack(UTF8, left, (length << 16) | value) } : undefined
}

/** What may be written as \uXXXX: not what stands for itself, or a weak model would spell out words that way. */
const LAST_CONTROL = 0x1f
const FIRST_PAST_ASCII = 0x7f

const hasEscapable = <S>(states: TextStates<S>, state: S, low: number, high: number): boolean =>
  (low <= LAST_CONTROL && states.hasWithin(state, low, Math.min(high, LAST_CONTROL))) ||
  (high >= FIRST_PAST_ASCII && states.hasWithin(state, Math.max(low, FIRST_PAST_ASCII), high))

const hasEscape = <S>(states: TextStates<S>, state: S): boolean =>
  hasEscapable(states, state, 0, LAST_CODE_POINT) || [...ESCAPES.values()].some((code) => states.hasWithin(state, code, code))

function afterBackslash<S>(states: TextStates<S>, state: S, byte: number): TextStep<S> {
  if (byte === LETTER_U) return hasEscapable(states, state, 0, LAST_CODE_POINT) ? { state, pending: pack(HEX, 0, 0) } : undefined
  const code = ESCAPES.get(byte)
  return code === undefined ? undefined : finish(states, state, code)
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

const isHigh = (code: number): boolean => code >= 0xd800 && code <= 0xdbff

function escaped<S>(states: TextStates<S>, state: S, count: number, value: number): TextStep<S> {
  if (count === 4) {
    if (!isHigh(value)) return value > LAST_CONTROL && value < FIRST_PAST_ASCII ? undefined : finish(states, state, value)
    const base = 0x10000 + (value - 0xd800) * 0x400
    return states.hasWithin(state, base, base + 0x3ff) ? { state, pending: pack(PAIR_SLASH, 0, value - 0xd800) } : undefined
  }
  const shift = 4 * (4 - count)
  const low = value << shift
  const high = low + (1 << shift) - 1
  const firstHalf = Math.max(low, 0xd800)
  const lastHalf = Math.min(high, 0xdbff)
  const asPair =
    firstHalf <= lastHalf && states.hasWithin(state, 0x10000 + (firstHalf - 0xd800) * 0x400, 0x10000 + (lastHalf - 0xd800) * 0x400 + 0x3ff)
  return asPair || hasEscapable(states, state, low, high) ? { state, pending: pack(HEX, count, value) } : undefined
}

/** The second half: `value` holds the ten bits of the first above the digits so far. */
function pairEscaped<S>(states: TextStates<S>, state: S, count: number, value: number, digit: number): TextStep<S> {
  const first = value >> 12
  const digits = ((value & 0xfff) << 4) | digit
  const shift = 4 * (4 - count)
  const low = Math.max(digits << shift, 0xdc00)
  const high = Math.min(((digits + 1) << shift) - 1, 0xdfff)
  if (low > high) return undefined
  const base = 0x10000 + first * 0x400 - 0xdc00
  if (count === 4) return finish(states, state, base + digits)
  return states.hasWithin(state, base + low, base + high) ? { state, pending: pack(PAIR_HEX, count, (first << 12) | digits) } : undefined
}
