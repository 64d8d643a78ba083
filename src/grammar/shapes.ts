import type { Dfa, Language } from './dfa.ts'

/** A set of JSON values, by the shapes they may have. */
export interface ValueType {
  readonly id: number
  shapes: readonly Shape[]
  /** Whether there is such a value at all. Settled once all types are known. */
  possible: boolean
}

/** One shape of JSON values. */
export type Shape = LiteralShape | StringShape | NumberShape | ArrayShape | ObjectShape

/** null, true or false. */
export interface LiteralShape {
  readonly kind: 'literal'
  readonly text: 'null' | 'true' | 'false'
}

/** Strings whose characters, unescaped, are in a language. */
export interface StringShape {
  readonly kind: 'string'
  readonly language: Language
}

/** Numbers as they are written. */
export interface NumberShape {
  readonly kind: 'number'
  readonly language: Dfa
}

/** What may stand at a place of an array: items that count as contained, and items that need not. */
export interface ArrayPlace {
  readonly hit: ValueType | undefined
  readonly miss: ValueType
}

/** Arrays by the places of their items. */
export interface ArrayShape {
  readonly kind: 'array'
  readonly id: number
  /** By place; the last stands for all later ones. */
  readonly places: readonly ArrayPlace[]
  readonly min: number
  readonly max: number
  /** How many items must and may be hits; max is Infinity where nobody counts. */
  readonly minHits: number
  readonly maxHits: number
  /** Answers of arrayCanFinish, by place and hits. */
  readonly memo: Map<string, boolean>
}

/** Keys that are not named in the schema: their language, its labels being places in `types`. */
export interface FreeKeys {
  readonly language: Dfa
  readonly types: readonly ValueType[]
  /** By state of the language, how many keys can follow. */
  readonly counts: Float64Array
}

/** Objects by their keys. */
export interface ObjectShape {
  readonly kind: 'object'
  readonly id: number
  /** The keys the schema names, ascending, and their types. */
  readonly keys: readonly string[]
  readonly indexOf: ReadonlyMap<string, number>
  readonly types: readonly ValueType[]
  free: FreeKeys | undefined
  readonly min: number
  readonly max: number
  /** Named keys as bits: those that must come, and what each key brings with it (itself included). */
  readonly required: bigint
  readonly brings: (index: number) => bigint
  /** Named keys that can be written at all. Settled once all types are known. */
  usable: bigint
}

/** How many bits are set. */
export function countBits(bits: bigint): number {
  let count = 0
  for (const digit of bits.toString(16)) count += BITS_OF_HEX[Number.parseInt(digit, 16)]!
  return count
}
const BITS_OF_HEX = [0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4]
