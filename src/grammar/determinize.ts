import { alphabetOfSets } from './alphabet.ts'
import type { Budget } from './budget.ts'
import type { Machine } from './build-dfa.ts'
import { buildDfa } from './build-dfa.ts'
import type { CharSet } from './char-set.ts'
import type { Dfa } from './dfa.ts'
import type { Nfa } from './nfa.ts'
import { buildNfa } from './nfa.ts'
import { parseRegex } from './regex-parser.ts'

/**
 * The texts a regular expression matches: as a whole, or with `search` anywhere in them. Throws InvalidRequestError beginning with
 * `where` for what an automaton can not do or what would need too large a one.
 */
export function languageOfRegex(pattern: string, search: boolean, where: string, budget: Budget): Dfa {
  const what = () => `${where} ${JSON.stringify(pattern.length > 80 ? `${pattern.slice(0, 80)}…` : pattern)}`
  const nfa = buildNfa(parseRegex(pattern, where, budget), search, budget, what)
  return determinize(nfa, budget, what)
}

/** A set of states of the nondeterministic automaton. Only the first one stands at the start of the text. */
interface Subset {
  readonly nodes: readonly number[]
  readonly atStart: boolean
}

/** The deterministic automaton of a nondeterministic one, by sets of its states. */
function determinize(nfa: Nfa, budget: Budget, what: () => string): Dfa {
  const sets = [...new Set(nfa.nodes.flatMap((node) => (node.set ? [node.set] : [])))]
  const { alphabet, atomsOfSet } = alphabetOfSets(sets)
  const indexOf = new Map<CharSet, number>(sets.map((set, index) => [set, index]))
  const close = closureOf(nfa, budget, what)
  const subset = (from: readonly number[], atStart: boolean): Subset => {
    const nodes = close(from, atStart, false)
    // Once the match is made anything may follow: what else might still match changes nothing.
    return { nodes: nfa.tail !== undefined && nodes.includes(nfa.tail) ? [nfa.tail, nfa.accept] : nodes, atStart }
  }
  const machine: Machine<Subset> = {
    start: subset([nfa.start], true),
    alphabet,
    keyOf: ({ nodes, atStart }) => (atStart ? `^${nodes.join()}` : nodes.join()),
    *ways({ nodes }) {
      const targets = new Map<number, number[]>()
      for (const index of nodes) {
        const node = nfa.nodes[index]!
        if (!node.set) continue
        for (const atom of atomsOfSet[indexOf.get(node.set)!]!) {
          const list = targets.get(atom)
          if (list) list.push(node.to)
          else targets.set(atom, [node.to])
        }
      }
      // Characters that lead to the same states share the work of closing them.
      const closed = new Map<string, Subset>()
      for (const atom of [...targets.keys()].sort((a, b) => a - b)) {
        const key = targets.get(atom)!.join()
        let target = closed.get(key)
        if (!target) closed.set(key, (target = subset(targets.get(atom)!, false)))
        yield [atom, target] as const
      }
    },
    labelOf: ({ nodes, atStart }) => (close(nodes, atStart, true).includes(nfa.accept) ? 0 : -1),
  }
  return buildDfa(machine, budget, what)
}

/** Finds the states reached without a character: those that matter (a character, an end anchor or the end may follow), ascending. */
function closureOf(nfa: Nfa, budget: Budget, what: () => string) {
  const stamps = new Int32Array(nfa.nodes.length)
  let stamp = 0
  return (from: readonly number[], atStart: boolean, atEnd: boolean): number[] => {
    stamp++
    const found: number[] = []
    const stack = [...from]
    while (stack.length > 0) {
      const index = stack.pop()!
      if (stamps[index] === stamp) continue
      stamps[index] = stamp
      const node = nfa.nodes[index]!
      if (node.set || index === nfa.accept || node.free.some(({ guard }) => guard === 'at-end')) found.push(index)
      for (const { to, guard } of node.free) if (guard === 'always' || (guard === 'at-start' ? atStart : atEnd)) stack.push(to)
    }
    budget.spend(found.length / 4 + 1, what)
    return found.sort((a, b) => a - b)
  }
}
