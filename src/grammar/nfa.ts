import type { Budget } from './budget.ts'
import type { CharSet } from './char-set.ts'
import { ANY_CHAR } from './char-set.ts'
import type { RegexNode } from './regex-ast.ts'

/** When a step without a character may be taken. */
export type Guard = 'always' | 'at-start' | 'at-end'

/** A state of a nondeterministic automaton: steps without a character, and at most one with. */
export interface NfaNode {
  readonly free: { readonly to: number; readonly guard: Guard }[]
  readonly set?: CharSet
  to: number
}

/** A nondeterministic automaton; `tail` is the state that takes everything, if the text may go on after a match. */
export interface Nfa {
  readonly nodes: readonly NfaNode[]
  readonly start: number
  readonly accept: number
  readonly tail: number | undefined
}

/** Builds Thompson's automaton. `search` lets any text stand before and after a match, as JSON Schema's patterns do. */
export function buildNfa(regex: RegexNode, search: boolean, budget: Budget, what: () => string): Nfa {
  const builder = new NfaBuilder(budget, what)
  const start = search ? builder.loop() : builder.add()
  const entry = builder.add()
  builder.link(start, entry)
  const matched = builder.append(regex, entry)
  const tail = search ? builder.loop() : undefined
  const accept = builder.add()
  if (tail !== undefined) builder.link(matched, tail)
  builder.link(tail ?? matched, accept)
  return { nodes: builder.nodes, start, accept, tail }
}

class NfaBuilder {
  readonly nodes: NfaNode[] = []
  readonly #budget: Budget
  readonly #what: () => string

  constructor(budget: Budget, what: () => string) {
    this.#budget = budget
    this.#what = what
  }

  add(set?: CharSet): number {
    this.#budget.spend(1, this.#what)
    this.nodes.push(set ? { free: [], set, to: -1 } : { free: [], to: -1 })
    return this.nodes.length - 1
  }

  link(from: number, to: number, guard: Guard = 'always'): void {
    this.nodes[from]!.free.push({ to, guard })
  }

  /** A state that takes every character and stays. */
  loop(): number {
    const node = this.add(ANY_CHAR)
    this.nodes[node]!.to = node
    return node
  }

  /** Adds what matches `part` after the state `from`; answers the state after it. */
  append(part: RegexNode, from: number): number {
    // Even what adds no state, such as (){9999}, is counted.
    this.#budget.spend(1, this.#what)
    switch (part.kind) {
      case 'set': {
        const step = this.add(part.set)
        this.link(from, step)
        return (this.nodes[step]!.to = this.add())
      }
      case 'start':
      case 'end': {
        const after = this.add()
        this.link(from, after, part.kind === 'start' ? 'at-start' : 'at-end')
        return after
      }
      case 'seq':
        return part.parts.reduce((at, child) => this.append(child, at), from)
      case 'repeat':
        return this.#repeat(part.node, part.min, part.max, from)
      case 'alt': {
        const after = this.add()
        for (const child of part.parts) this.link(this.append(child, from), after)
        return after
      }
    }
  }

  #repeat(node: RegexNode, min: number, max: number, from: number): number {
    let at = from
    for (let i = 0; i < min; i++) at = this.append(node, at)
    if (max === Infinity) {
      const round = this.add()
      this.link(at, round)
      this.link(this.append(node, round), round)
      return round
    }
    const after = this.add()
    for (let i = min; i < max; i++) {
      this.link(at, after)
      at = this.append(node, at)
    }
    this.link(at, after)
    return after
  }
}
