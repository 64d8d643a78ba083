import type { CharSet } from './char-set.ts'
import { LAST_CODE_POINT } from './char-set.ts'

/**
 * All code points cut into segments, each belonging to one atom: characters that no state tells apart. `lows[i]` is where segment i
 * begins; `atoms[i]` is its atom, or -1 where no state has a way on.
 */
export interface Alphabet {
  readonly lows: Int32Array
  readonly atoms: Int32Array
  readonly atomCount: number
}

/** The segment that holds a code point. */
export function segmentOf(alphabet: Alphabet, codePoint: number): number {
  const { lows } = alphabet
  let low = 0
  let high = lows.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (lows[middle]! <= codePoint) low = middle
    else high = middle - 1
  }
  return low
}

/** The last code point of a segment. */
export const segmentEnd = (alphabet: Alphabet, segment: number): number => (alphabet.lows[segment + 1] ?? LAST_CODE_POINT + 1) - 1

/** Numbers the distinct keys given for the stretches between boundaries; an empty key is no atom. */
function fromSegments(lows: readonly number[], keyOf: (segment: number) => string, onAtom: (segment: number) => void): Alphabet {
  const ids = new Map<string, number>()
  const atoms = Int32Array.from(lows, (_, segment) => {
    const key = keyOf(segment)
    if (key === '') return -1
    const known = ids.get(key)
    if (known !== undefined) return known
    ids.set(key, ids.size)
    onAtom(segment)
    return ids.size - 1
  })
  return { lows: Int32Array.from(lows), atoms, atomCount: ids.size }
}

/** The coarsest alphabet that tells the sets apart, and for each set its atoms. */
export function alphabetOfSets(sets: readonly CharSet[]): { alphabet: Alphabet; atomsOfSet: number[][] } {
  const changes = new Map<number, number[]>([[0, []]])
  const mark = (at: number, set: number) => {
    const list = changes.get(at)
    if (list) list.push(set)
    else changes.set(at, [set])
  }
  sets.forEach((set, index) => {
    for (let i = 0; i < set.length; i += 2) {
      mark(set[i]!, index)
      mark(set[i + 1]! + 1, index)
    }
  })
  const lows = [...changes.keys()].filter((low) => low <= LAST_CODE_POINT).sort((a, b) => a - b)
  const active = new Set<number>()
  const atomsOfSet: number[][] = sets.map(() => [])
  let atom = 0
  const keyOf = (segment: number) => {
    for (const set of changes.get(lows[segment]!)!) if (!active.delete(set)) active.add(set)
    return active.size < 2 ? [...active].join() : [...active].sort((a, b) => a - b).join()
  }
  const onAtom = () => {
    for (const set of active) atomsOfSet[set]!.push(atom)
    atom++
  }
  return { alphabet: fromSegments(lows, keyOf, onAtom), atomsOfSet }
}

/** The alphabet that tells apart what any of the given ones does, and for each of its atoms the atom in each of them. */
export function refineAlphabets(alphabets: readonly Alphabet[]): { alphabet: Alphabet; parts: number[][] } {
  const lows = [...new Set(alphabets.flatMap((alphabet) => [...alphabet.lows]))].sort((a, b) => a - b)
  const parts: number[][] = []
  const partsAt = (segment: number) => alphabets.map((alphabet) => alphabet.atoms[segmentOf(alphabet, lows[segment]!)]!)
  const alphabet = fromSegments(
    lows,
    (segment) => partsAt(segment).join(),
    (segment) => parts.push(partsAt(segment)),
  )
  return { alphabet, parts }
}
