import { invalidRequestError } from '../util/errors.ts'
import type { ArrayRule, Term } from './clause.ts'
import { NOTHING } from './clause.ts'
import type { ArrayPlace, ArrayShape, ValueType } from './shapes.ts'

const LONGEST_PREFIX = 10_000

/** Puts the rules for an array together. `typeOf` makes the type of the values that match all terms. */
export function buildArrayShape(rules: readonly ArrayRule[], id: number, typeOf: (terms: readonly Term[]) => ValueType): ArrayShape {
  const counted = rules.flatMap(({ contains }) => (contains ? [contains] : []))
  if (new Set(counted.map(({ term }) => term)).size > 1) {
    throw invalidRequestError("the JSON schema's contains can not be enforced twice on one array; keep one of them")
  }
  const count = Math.max(0, ...rules.map(({ prefix }) => prefix.length))
  if (count > LONGEST_PREFIX)
    throw invalidRequestError(`the JSON schema's prefixItems has ${count} schemas; at most ${LONGEST_PREFIX} are allowed`)
  const term = counted[0]?.term
  const maxHits = Math.min(Infinity, ...counted.map(({ max }) => max))
  const places = Array.from({ length: count + 1 }, (_, place): ArrayPlace => {
    const terms = rules.map(({ prefix, rest }) => prefix[place] ?? rest)
    if (term === undefined) return { hit: undefined, miss: typeOf(terms) }
    // Where the number of hits is bounded, an item that matches must be counted as one.
    return { hit: typeOf([...terms, term]), miss: typeOf(maxHits < Infinity ? [...terms, -term] : terms) }
  })
  return {
    kind: 'array',
    id,
    places: places.length > 0 ? places : [{ hit: undefined, miss: typeOf([NOTHING]) }],
    min: Math.max(0, ...rules.map(({ min }) => min)),
    max: Math.min(Infinity, ...rules.map(({ max }) => max)),
    minHits: Math.max(0, ...counted.map(({ min }) => min)),
    maxHits,
    memo: new Map(),
  }
}

/** What may stand at a place. */
export const placeOf = (shape: ArrayShape, index: number): ArrayPlace => shape.places[Math.min(index, shape.places.length - 1)]!

/** Counts as far as they matter, so that long arrays do not make ever new states. */
export function settleCounts(shape: ArrayShape, index: number, hits: number): readonly [index: number, hits: number] {
  const last = Math.max(shape.places.length - 1, shape.min)
  return [shape.max === Infinity ? Math.min(index, last) : index, shape.maxHits === Infinity ? Math.min(hits, shape.minHits) : hits]
}

/** Whether an array may be closed after so many items and hits. */
export const arrayMayEnd = (shape: ArrayShape, index: number, hits: number): boolean =>
  index >= shape.min && index <= shape.max && hits >= shape.minHits && hits <= shape.maxHits

/** Whether an array with so many items and hits can be completed. */
export function arrayCanFinish(shape: ArrayShape, index: number, hits: number): boolean {
  const key = `${index} ${hits}`
  const known = shape.memo.get(key)
  if (known !== undefined) return known
  const answer = search(shape, index, hits)
  shape.memo.set(key, answer)
  return answer
}

/** Tries every number of further items: those that must and those that may be hits make a range that has to meet what is asked. */
function search(shape: ArrayShape, index: number, hits: number): boolean {
  if (hits > shape.maxHits) return false
  let least = hits
  let most = hits
  let i = index
  for (; i < Math.min(shape.max + 1, shape.places.length); i++) {
    if (i >= shape.min && most >= shape.minHits && least <= shape.maxHits) return true
    const { hit, miss } = placeOf(shape, i)
    if (i === shape.max || !(hit?.possible || miss.possible)) return false
    if (hit?.possible) most++
    if (!miss.possible) least++
  }
  // From here on all places are alike: leap over as many as are needed at least.
  const { hit, miss } = placeOf(shape, i)
  if (i > shape.max || !(hit?.possible || miss.possible))
    return i <= shape.max && i >= shape.min && most >= shape.minHits && least <= shape.maxHits
  const wanted = Math.max(shape.min - i, hit?.possible ? shape.minHits - most : 0, 0)
  if (i + wanted > shape.max) return false
  if (hit?.possible) most += wanted
  if (!miss.possible) least += wanted
  return most >= shape.minHits && least <= shape.maxHits
}
