import type { Budget } from './budget.ts'
import type { CharSet } from './char-set.ts'
import { complementOfSet, setOfText, unionOfSets } from './char-set.ts'
import type { RegexNode } from './regex-ast.ts'
import { DOT, readEscape } from './regex-escape.ts'
import { RegexSource } from './regex-source.ts'

const DEEPEST = 200
const QUANTIFIER = /^\{(\d+)(,(\d*))?\}/

/**
 * Reads a regular expression of ECMA-262 with the meaning of its u flag; needless escapes of punctuation and lone braces are let through.
 * `where` begins the messages. Throws InvalidRequestError, naming the position, for lookaround, back references, word boundaries,
 * inline flags and syntax errors.
 */
export function parseRegex(pattern: string, where: string, budget: Budget): RegexNode {
  const source = new RegexSource(pattern, where, budget)
  const node = readAlternatives(source, 0)
  if (source.peek() !== undefined) throw source.fail('a ) without its (', source.position)
  return node
}

function readAlternatives(source: RegexSource, depth: number): RegexNode {
  if (depth > DEEPEST) throw source.fail(`groups nested deeper than ${DEEPEST}`, source.position)
  const parts = [readSequence(source, depth)]
  while (source.takeIf('|')) parts.push(readSequence(source, depth))
  return parts.length === 1 ? parts[0]! : { kind: 'alt', parts }
}

function readSequence(source: RegexSource, depth: number): RegexNode {
  const parts: RegexNode[] = []
  for (let char = source.peek(); char !== undefined && char !== '|' && char !== ')'; char = source.peek()) {
    const at = source.position
    const atom = readAtom(source, depth)
    parts.push(readQuantifier(source, atom, at))
  }
  return parts.length === 1 ? parts[0]! : { kind: 'seq', parts }
}

function readAtom(source: RegexSource, depth: number): RegexNode {
  const at = source.position
  const char = source.take()!
  if (char === '(') return readGroup(source, depth, at)
  if (char === '[') return { kind: 'set', set: readClass(source, at) }
  if (char === '\\') return { kind: 'set', set: readEscape(source, false) }
  if (char === '.') return { kind: 'set', set: DOT }
  if (char === '^') return { kind: 'start' }
  if (char === '$') return { kind: 'end' }
  if (char === '*' || char === '+' || char === '?') throw source.fail(`a ${char} with nothing to repeat`, at)
  return { kind: 'set', set: setOfText(char) }
}

function readGroup(source: RegexSource, depth: number, at: number): RegexNode {
  if (source.takeIf('?')) {
    const next = source.rest(2)
    if (next[0] === '=' || next[0] === '!') throw source.fail(`the lookahead (?${next[0]}`, at)
    if (next === '<=' || next === '<!') throw source.fail(`the lookbehind (?${next}`, at)
    if (next[0] === '<') {
      if (source.until('>') === undefined) throw source.fail('a group name without its >', at)
    } else if (!source.takeIf(':')) throw source.fail(`the group (?${next[0] ?? ''}`, at, 'use (?:…) or (…)')
  }
  const node = readAlternatives(source, depth + 1)
  if (!source.takeIf(')')) throw source.fail('a ( without its )', at)
  return node
}

function readQuantifier(source: RegexSource, node: RegexNode, at: number): RegexNode {
  const bounds = readBounds(source)
  if (!bounds) return node
  const [min, max] = bounds
  if (min > max) throw source.fail(`the repetition {${min},${max}} whose bounds are out of order`, at)
  // Lazy or greedy: the texts are the same.
  source.takeIf('?')
  if (readBounds(source)) throw source.fail('a repetition of a repetition', at, 'put the inner one in a group')
  return { kind: 'repeat', node, min, max }
}

function readBounds(source: RegexSource): [number, number] | undefined {
  if (source.takeIf('*')) return [0, Infinity]
  if (source.takeIf('+')) return [1, Infinity]
  if (source.takeIf('?')) return [0, 1]
  if (source.peek() !== '{') return undefined
  const match = QUANTIFIER.exec(source.rest(40))
  if (!match) return undefined
  source.skip(match[0].length)
  const min = Number(match[1])
  if (match[2] === undefined) return [min, min]
  return [min, match[3] === '' ? Infinity : Number(match[3])]
}

function readClass(source: RegexSource, at: number): CharSet {
  const negated = source.takeIf('^')
  const sets: CharSet[] = []
  while (!source.takeIf(']')) {
    const low = readClassAtom(source, at)
    const next = source.rest(2)
    if (next[0] !== '-' || next[1] === ']' || next[1] === undefined) {
      sets.push(low)
      continue
    }
    source.skip(1)
    const high = readClassAtom(source, at)
    sets.push(rangeOf(source, low, high, at))
  }
  const union = unionOfSets(sets)
  return negated ? complementOfSet(union) : union
}

function readClassAtom(source: RegexSource, at: number): CharSet {
  const char = source.take()
  if (char === undefined) throw source.fail('a [ without its ]', at)
  return char === '\\' ? readEscape(source, true) : setOfText(char)
}

function rangeOf(source: RegexSource, low: CharSet, high: CharSet, at: number): CharSet {
  // A class such as \w on either side of a dash leaves the dash to stand for itself, as in browsers.
  if (low.length !== 2 || low[0] !== low[1] || high.length !== 2 || high[0] !== high[1]) return unionOfSets([low, setOfText('-'), high])
  if (low[0]! > high[0]!) throw source.fail('a range whose ends are out of order', at)
  return unionOfSets([[low[0]!, high[0]!]])
}
