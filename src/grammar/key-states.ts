import { LAST_CODE_POINT } from './char-set.ts'
import type { TextStates } from './dfa.ts'
import type { ObjectShape } from './shapes.ts'
import { countBits } from './shapes.ts'

/** What an object holds so far. */
export interface Members {
  /** The named keys that are written, and those that still have to be, as bits. */
  readonly seen: bigint
  readonly owed: bigint
  /** The other keys that are written. */
  readonly free: WrittenKeys
  /** All of them, counted as far as it matters. */
  readonly count: number
}

/** Keys of an object that the schema does not name, ascending. The same keys in the same order of writing have the same id. */
export interface WrittenKeys {
  readonly id: number
  readonly sorted: readonly string[]
}

export const NO_KEYS: WrittenKeys = { id: 0, sorted: [] }
const MOST_KNOWN = 4096
let lastId = 0
// Lists met lately and before. One that is forgotten gets another id when it is met again, which costs only time.
let known = new Map<string, WrittenKeys>()
let knownBefore = new Map<string, WrittenKeys>()

function withKey(keys: WrittenKeys, key: string): WrittenKeys {
  const name = `${keys.id} ${key}`
  let found = known.get(name) ?? knownBefore.get(name)
  if (!found) found = { id: ++lastId, sorted: [...keys.sorted, key].sort() }
  if (known.size >= MOST_KNOWN) {
    knownBefore = known
    known = new Map()
  }
  known.set(name, found)
  return found
}

/** Where reading a key stands. */
export interface KeyState {
  /** State of the language of free keys; undefined when this is none. */
  readonly free: number | undefined
  /** The key so far, while it begins a key that is named or already written. Otherwise what it was does not matter. */
  readonly text: string | undefined
}

const roomFor = (shape: ObjectShape, members: Members, owed: bigint): boolean =>
  shape.max === Infinity || members.count + 1 + countBits(owed) <= shape.max

/** Whether a named key may come next. */
export function mayTake(shape: ObjectShape, members: Members, index: number): boolean {
  const bit = 1n << BigInt(index)
  if ((members.seen & bit) !== 0n || (shape.usable & bit) === 0n) return false
  return roomFor(shape, members, (members.owed | shape.brings(index)) & ~(members.seen | bit))
}

const mayTakeFree = (shape: ObjectShape, members: Members): boolean => shape.free !== undefined && roomFor(shape, members, members.owed)

const counted = (shape: ObjectShape, count: number): number => (shape.max === Infinity ? Math.min(count, shape.min) : count)

/** The members after one more named key. */
export function takeNamed(shape: ObjectShape, members: Members, index: number): Members {
  const seen = members.seen | (1n << BigInt(index))
  return { ...members, seen, owed: (members.owed | shape.brings(index)) & ~seen, count: counted(shape, members.count + 1) }
}

/** The members after one more free key. */
export function takeFree(shape: ObjectShape, members: Members, key: string): Members {
  return { ...members, free: withKey(members.free, key), count: counted(shape, members.count + 1) }
}

/** How many of the texts, ascending, begin with `prefix`, and the place of the first. */
function withPrefix(texts: readonly string[], prefix: string): readonly [from: number, to: number] {
  const first = (reached: (text: string) => boolean): number => {
    let low = 0
    let high = texts.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (reached(texts[middle]!)) high = middle
      else low = middle + 1
    }
    return low
  }
  return [first((text) => text >= prefix), first((text) => text.slice(0, prefix.length) > prefix)]
}

/** The keys that may come next in an object, character by character. */
export class KeyStates implements TextStates<KeyState> {
  readonly #shape: ObjectShape
  readonly #members: Members
  readonly #freeOpen: boolean

  constructor(shape: ObjectShape, members: Members) {
    this.#shape = shape
    this.#members = members
    this.#freeOpen = mayTakeFree(shape, members)
  }

  get start(): KeyState {
    return { free: this.#freeOpen ? 0 : undefined, text: '' }
  }

  /** Whether any key may come. */
  get isOpen(): boolean {
    return this.#leadsOn(this.start)
  }

  next({ free, text }: KeyState, codePoint: number): KeyState | undefined {
    const longer = text === undefined ? undefined : text + String.fromCodePoint(codePoint)
    const state: KeyState = {
      free: free === undefined ? undefined : this.#shape.free!.language.next(free, codePoint),
      text: longer !== undefined && this.#isPrefix(longer) ? longer : undefined,
    }
    return this.#leadsOn(state) ? state : undefined
  }

  hasWithin(state: KeyState, low: number, high: number): boolean {
    return this.#namedWithin(state, low, high) || this.#freeWithin(state, low, high)
  }

  /** Whether the key may be closed. */
  accepts({ free, text }: KeyState): boolean {
    const index = text === undefined ? undefined : this.#shape.indexOf.get(text)
    if (index !== undefined) return mayTake(this.#shape, this.#members, index)
    if (free === undefined || !this.#shape.free!.language.accepts(free)) return false
    return text === undefined || !this.#members.free.sorted.includes(text)
  }

  #leadsOn(state: KeyState): boolean {
    return this.accepts(state) || this.hasWithin(state, 0, LAST_CODE_POINT)
  }

  #isPrefix(text: string): boolean {
    return [this.#shape.keys, this.#members.free.sorted].some((texts) => {
      const [from, to] = withPrefix(texts, text)
      return to > from
    })
  }

  #namedWithin({ text }: KeyState, low: number, high: number): boolean {
    if (text === undefined) return false
    const { keys } = this.#shape
    const [from, to] = withPrefix(keys, text)
    for (let index = from; index < to; index++) {
      const next = keys[index]!.codePointAt(text.length)
      if (next !== undefined && next >= low && next <= high && mayTake(this.#shape, this.#members, index)) return true
    }
    return false
  }

  /** Whether a free key goes on so: where there are only so many, those that are named or written are not among them. */
  #freeWithin({ free, text }: KeyState, low: number, high: number): boolean {
    const keys = this.#shape.free
    if (free === undefined || !keys) return false
    if (!keys.language.hasWithin(free, low, high)) return false
    if (keys.counts[free] === Infinity && this.#manyWithin(free, low, high)) return true
    let count = 0
    for (const step of keys.language.stepsWithin(free, low, high)) count += step.count * keys.counts[step.target]!
    return count > (text === undefined ? 0 : this.#takenWithin(text, low, high))
  }

  #manyWithin(free: number, low: number, high: number): boolean {
    const { language, counts } = this.#shape.free!
    for (const { target } of language.stepsWithin(free, low, high)) if (counts[target] === Infinity) return true
    return false
  }

  #takenWithin(text: string, low: number, high: number): number {
    let taken = 0
    for (const texts of [this.#shape.keys, this.#members.free.sorted]) {
      const [from, to] = withPrefix(texts, text)
      for (const key of texts.slice(from, to)) {
        const next = key.codePointAt(text.length)
        if (next !== undefined && next >= low && next <= high && this.#shape.free!.language.labelOf(key) >= 0) taken++
      }
    }
    return taken
  }
}
