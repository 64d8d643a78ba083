/** The last code point of Unicode. */
export const LAST_CODE_POINT = 0x10ffff
const FIRST_SURROGATE = 0xd800
const LAST_SURROGATE = 0xdfff

/** A set of characters: first and last code point of each range in turn, ascending, neither touching nor holding surrogates. */
export type CharSet = readonly number[]

/** Every character. */
export const ANY_CHAR: CharSet = [0, FIRST_SURROGATE - 1, LAST_SURROGATE + 1, LAST_CODE_POINT]

export const isSurrogate = (codePoint: number): boolean => codePoint >= FIRST_SURROGATE && codePoint <= LAST_SURROGATE

function sortedUnion(pairs: readonly (readonly [number, number])[]): number[] {
  const out: number[] = []
  for (const [low, high] of [...pairs].sort((a, b) => a[0] - b[0])) {
    const last = out.length - 1
    if (last > 0 && low <= out[last]! + 1) out[last] = Math.max(out[last]!, high)
    else out.push(low, high)
  }
  return out
}

const pairsOf = (set: CharSet): [number, number][] => {
  const pairs: [number, number][] = []
  for (let i = 0; i < set.length; i += 2) pairs.push([set[i]!, set[i + 1]!])
  return pairs
}

/** The characters of some ranges (first and last code point), surrogates left out. */
export function charSet(pairs: readonly (readonly [number, number])[]): CharSet {
  const kept: [number, number][] = []
  for (const [low, high] of pairs) {
    if (low < FIRST_SURROGATE) kept.push([low, Math.min(high, FIRST_SURROGATE - 1)])
    if (high > LAST_SURROGATE) kept.push([Math.max(low, LAST_SURROGATE + 1), high])
  }
  return pairsOf(sortedUnion(kept)).flat()
}

/** The characters of any of the sets. */
export const unionOfSets = (sets: readonly CharSet[]): CharSet => charSet(sets.flatMap(pairsOf))

/** The characters that are not in the set. */
export function complementOfSet(set: CharSet): CharSet {
  const pairs: [number, number][] = []
  let from = 0
  for (const [low, high] of pairsOf(set)) {
    if (low > from) pairs.push([from, low - 1])
    from = high + 1
  }
  if (from <= LAST_CODE_POINT) pairs.push([from, LAST_CODE_POINT])
  return charSet(pairs)
}

/** The set of the characters of a text. */
export const setOfText = (text: string): CharSet => charSet([...text].map((char) => [char.codePointAt(0)!, char.codePointAt(0)!] as const))
