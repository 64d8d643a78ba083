import type { Alphabet } from './alphabet.ts'
import { alphabetOfSets, refineAlphabets } from './alphabet.ts'
import type { Budget } from './budget.ts'
import type { CharSet } from './char-set.ts'
import { ANY_CHAR, isSurrogate } from './char-set.ts'
import { Dfa } from './dfa.ts'

/** A machine to be written out as a table: its states have keys, and are found by walking from the start. */
export interface Machine<S> {
  readonly start: S
  readonly alphabet: Alphabet
  keyOf(state: S): string | number
  /** The ways out of a state, by ascending atom. */
  ways(state: S): Iterable<readonly [atom: number, target: S]>
  /** 0 or more where a text may end, else -1. */
  labelOf(state: S): number
}

/** Writes a machine out, less the states from which no text can be completed. Throws InvalidRequestError over budget. */
export function buildDfa<S>(machine: Machine<S>, budget: Budget, what: () => string): Dfa {
  const ids = new Map<string | number, number>([[machine.keyOf(machine.start), 0]])
  const states = [machine.start]
  const rows: number[][] = []
  for (let index = 0; index < states.length; index++) {
    const row: number[] = []
    for (const [atom, target] of machine.ways(states[index]!)) {
      const key = machine.keyOf(target)
      let id = ids.get(key)
      if (id === undefined) {
        ids.set(key, (id = states.length))
        states.push(target)
        budget.spend(4, what)
      }
      row.push(atom, id)
    }
    budget.spend(1 + row.length / 8, what)
    rows.push(row)
  }
  return trim(
    machine.alphabet,
    rows,
    states.map((state) => machine.labelOf(state)),
  )
}

/** Drops the states that lead to no accepting one, and renumbers the rest. */
function trim(alphabet: Alphabet, rows: readonly number[][], labels: readonly number[]): Dfa {
  const sources: number[][] = rows.map(() => [])
  rows.forEach((row, state) => {
    for (let i = 1; i < row.length; i += 2) sources[row[i]!]!.push(state)
  })
  const live = new Uint8Array(rows.length)
  const queue: number[] = []
  const visit = (state: number) => {
    if (live[state]) return
    live[state] = 1
    queue.push(state)
  }
  labels.forEach((label, state) => {
    if (label >= 0) visit(state)
  })
  while (queue.length > 0) for (const source of sources[queue.pop()!]!) visit(source)
  if (!live[0]) return new Dfa({ alphabet, rows: [], labels: [] })
  let count = 0
  const renumbered = Int32Array.from(live, (alive) => (alive ? count++ : -1))
  const keep = (row: readonly number[]) => {
    const out: number[] = []
    for (let i = 0; i < row.length; i += 2) if (live[row[i + 1]!]) out.push(row[i]!, renumbered[row[i + 1]!]!)
    return out
  }
  const kept = <T>(_: T, state: number) => live[state] === 1
  return new Dfa({ alphabet, rows: rows.filter(kept).map(keep), labels: labels.filter(kept) })
}

/** The same language with other labels (-1 takes texts out of it). */
export function relabel(dfa: Dfa, label: (label: number) => number): Dfa {
  const rows = Array.from(dfa.labels, (_, state) => [...dfa.waysOf(state)])
  return trim(
    dfa.alphabet,
    rows,
    Array.from(dfa.labels, (old) => (old < 0 ? -1 : label(old))),
  )
}

/** How languages are put together. `label` is told the label in each of them, -1 where a text is not in it. */
export interface Combination {
  label(labels: readonly number[]): number
  /** False for states that can be left out; a part's state is -1 once no text of it can follow. Default: all stay. */
  alive?(states: readonly number[]): boolean
}

/** The language whose texts are told by their labels in each of the given languages: intersection, union, difference. */
export function combine(parts: readonly Dfa[], how: Combination, budget: Budget, what: () => string): Dfa {
  const { alphabet, parts: atoms } = refineAlphabets([alphabetOfSets([ANY_CHAR]).alphabet, ...parts.map((part) => part.alphabet)])
  // Characters that no text holds (surrogates) have no way.
  const usable = atoms.map((atom, index) => [index, atom] as const).filter(([, atom]) => atom[0]! >= 0)
  const machine: Machine<number[]> = {
    start: parts.map((part) => part.start ?? -1),
    alphabet,
    keyOf: (states) => states.join(),
    *ways(states) {
      budget.spend(usable.length / 4, what)
      for (const [index, atom] of usable) {
        const target = states.map((state, i) => (state < 0 ? -1 : parts[i]!.follow(state, atom[i + 1]!)))
        if (how.alive?.(target) ?? true) yield [index, target] as const
      }
    },
    labelOf: (states) => how.label(states.map((state, i) => (state < 0 ? -1 : parts[i]!.labels[state]!))),
  }
  return buildDfa(machine, budget, what)
}

/** The texts that are in every language of `within` and in none of `without`. */
export function intersect(within: readonly Dfa[], without: readonly Dfa[], budget: Budget, what: () => string): Dfa {
  if (within.length === 1 && without.length === 0) return within[0]!
  const all = (states: readonly number[], holds: (state: number) => boolean) => states.slice(0, within.length).every(holds)
  const how: Combination = {
    label: (labels) => (all(labels, (label) => label >= 0) && labels.slice(within.length).every((label) => label < 0) ? 0 : -1),
    alive: (states) => all(states, (state) => state >= 0),
  }
  return combine([...within, ...without], how, budget, what)
}

const isWhole = (text: string): boolean => [...text].every((char) => !isSurrogate(char.codePointAt(0)!))

/** The given texts and no others. Texts with half a surrogate pair can not be written and are left out. */
export function languageOfTexts(texts: Iterable<string>, budget: Budget, what: () => string): Dfa {
  const whole = [...texts].filter(isWhole)
  const { sets, atomOf } = atomsOfTexts(whole)
  const nodes: { ways: Map<number, number>; label: number }[] = [{ ways: new Map(), label: -1 }]
  for (const text of whole) {
    let node = nodes[0]!
    for (const char of text) {
      budget.spend(0.5, what)
      const atom = atomOf.get(char)!
      let target = node.ways.get(atom)
      if (target === undefined) {
        node.ways.set(atom, (target = nodes.length))
        nodes.push({ ways: new Map(), label: -1 })
      }
      node = nodes[target]!
    }
    node.label = 0
  }
  const rows = nodes.map((node) => [...node.ways].sort((a, b) => a[0] - b[0]).flat())
  return trim(
    alphabetOfSets(sets).alphabet,
    rows,
    nodes.map((node) => node.label),
  )
}

function atomsOfTexts(texts: Iterable<string>): { sets: CharSet[]; atomOf: Map<string, number> } {
  const chars = new Set<string>()
  for (const text of texts) for (const char of text) chars.add(char)
  // In the order of code points, as the alphabet numbers its atoms.
  const sorted = [...chars].map((char) => char.codePointAt(0)!).sort((a, b) => a - b)
  const sets = sorted.map((code) => [code, code])
  return { sets, atomOf: new Map(sorted.map((code, index) => [String.fromCodePoint(code), index])) }
}

/** All texts of min..max characters, written out as a table (for combining; alone, LengthLanguage costs nothing). */
export function languageOfLengths(min: number, max: number, budget: Budget, what: () => string): Dfa {
  const last = max === Infinity ? min : max
  const machine: Machine<number> = {
    start: 0,
    alphabet: alphabetOfSets([ANY_CHAR]).alphabet,
    keyOf: (count) => count,
    *ways(count) {
      if (count < last) yield [0, count + 1] as const
      else if (max === Infinity) yield [0, count] as const
    },
    labelOf: (count) => (count >= min ? 0 : -1),
  }
  return buildDfa(machine, budget, what)
}

/** For each state how many texts can follow, Infinity where there is no end of them. */
export function countTexts(dfa: Dfa): Float64Array {
  const counts = new Float64Array(dfa.stateCount).fill(Number.NaN)
  const open = new Uint8Array(dfa.stateCount)
  // Depth first with a stack of our own: a state met again while open lies on a circle, and every state leads to a text.
  for (let root = 0; root < dfa.stateCount; root++) {
    const stack = [root]
    while (stack.length > 0) {
      const state = stack.at(-1)!
      if (!Number.isNaN(counts[state]!) || open[state]) {
        stack.pop()
        if (Number.isNaN(counts[state]!)) counts[state] = sumOf(dfa, state, counts)
        continue
      }
      open[state] = 1
      const ways = dfa.waysOf(state)
      for (let i = 1; i < ways.length; i += 2) {
        if (Number.isNaN(counts[ways[i]!]!)) {
          if (open[ways[i]!]) counts[ways[i]!] = Infinity
          else stack.push(ways[i]!)
        }
      }
    }
  }
  return counts
}

function sumOf(dfa: Dfa, state: number, counts: Float64Array): number {
  let sum = dfa.accepts(state) ? 1 : 0
  for (const { target, count } of dfa.stepsWithin(state, 0, 0x10ffff)) sum += count * counts[target]!
  return sum
}
