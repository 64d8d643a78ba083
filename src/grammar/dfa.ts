import type { Alphabet } from './alphabet.ts'
import { segmentEnd, segmentOf } from './alphabet.ts'
import { isSurrogate, LAST_CODE_POINT } from './char-set.ts'

/** A deterministic automaton over characters in which every state leads to an accepting one. */
export interface TextStates<S> {
  /** The state after a character, if the text can still be completed. */
  next(state: S, codePoint: number): S | undefined
  /** Whether some character of low..high leads on. */
  hasWithin(state: S, low: number, high: number): boolean
  accepts(state: S): boolean
}

/** A set of texts, as an automaton with numbered states. */
export interface Language extends TextStates<number> {
  /** Tells languages apart in the keys of states. */
  readonly id: number
  /** Absent when the language has no text at all. */
  readonly start: number | undefined
}

let lastId = 0
const newId = (): number => ++lastId

/** What a table is made of: for each state its ways as atom and target in turn, by ascending atom, and its label, -1 for none. */
export interface DfaRows {
  readonly alphabet: Alphabet
  readonly rows: readonly (readonly number[])[]
  readonly labels: readonly number[]
}

/** A language as a table. State 0 is the start; an accepting state has a label of 0 or more. */
export class Dfa implements Language {
  readonly id = newId()
  readonly alphabet: Alphabet
  readonly labels: Int32Array
  readonly #offsets: Int32Array
  readonly #ways: Int32Array

  constructor({ alphabet, rows, labels }: DfaRows) {
    this.alphabet = alphabet
    this.labels = Int32Array.from(labels)
    this.#offsets = new Int32Array(rows.length + 1)
    rows.forEach((row, state) => {
      this.#offsets[state + 1] = this.#offsets[state]! + row.length
    })
    this.#ways = new Int32Array(this.#offsets[rows.length]!)
    rows.forEach((row, state) => {
      this.#ways.set(row, this.#offsets[state]!)
    })
  }

  get stateCount(): number {
    return this.labels.length
  }

  get start(): number | undefined {
    return this.stateCount > 0 ? 0 : undefined
  }

  /** The state after an atom, or -1. */
  follow(state: number, atom: number): number {
    let low = this.#offsets[state]! / 2
    let high = this.#offsets[state + 1]! / 2 - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const found = this.#ways[2 * middle]!
      if (found === atom) return this.#ways[2 * middle + 1]!
      if (found < atom) low = middle + 1
      else high = middle - 1
    }
    return -1
  }

  /** The ways out of a state: atom and target in turn. */
  waysOf(state: number): Int32Array {
    return this.#ways.subarray(this.#offsets[state]!, this.#offsets[state + 1]!)
  }

  next(state: number, codePoint: number): number | undefined {
    const target = this.follow(state, this.alphabet.atoms[segmentOf(this.alphabet, codePoint)]!)
    return target < 0 ? undefined : target
  }

  hasWithin(state: number, low: number, high: number): boolean {
    const { lows, atoms } = this.alphabet
    for (let i = segmentOf(this.alphabet, low); i < lows.length && lows[i]! <= high; i++)
      if (this.follow(state, atoms[i]!) >= 0) return true
    return false
  }

  accepts(state: number): boolean {
    return this.labels[state]! >= 0
  }

  /** The label a whole text ends on, or -1. */
  labelOf(text: string): number {
    let state = this.start
    for (const char of text) {
      if (state === undefined) return -1
      state = this.next(state, char.codePointAt(0)!)
    }
    return state === undefined ? -1 : this.labels[state]!
  }

  /** How many characters of low..high lead on, and where to. */
  *stepsWithin(state: number, low: number, high: number): Generator<{ target: number; count: number }> {
    const { lows, atoms } = this.alphabet
    for (let i = segmentOf(this.alphabet, low); i < lows.length && lows[i]! <= high; i++) {
      const target = this.follow(state, atoms[i]!)
      if (target >= 0) yield { target, count: Math.min(high, segmentEnd(this.alphabet, i)) - Math.max(low, lows[i]!) + 1 }
    }
  }
}

/** All texts of min..max characters (max may be Infinity). A state is the number of characters read, so any length is free. */
export class LengthLanguage implements Language {
  readonly id = newId()
  readonly #min: number
  readonly #max: number

  constructor(min: number, max: number) {
    this.#min = min
    this.#max = max
  }

  get start(): number | undefined {
    return this.#min <= this.#max ? 0 : undefined
  }

  next(state: number, codePoint: number): number | undefined {
    if (state >= this.#max || isSurrogate(codePoint)) return undefined
    return this.#max === Infinity ? Math.min(state + 1, this.#min) : state + 1
  }

  hasWithin(state: number, low: number, high: number): boolean {
    return state < this.#max && low <= Math.min(high, LAST_CODE_POINT) && !(isSurrogate(low) && isSurrogate(high))
  }

  accepts(state: number): boolean {
    return state >= this.#min
  }
}
