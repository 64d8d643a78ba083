/** Something being written, without what is around it: a string half done, an object between two keys. */
export interface Local {
  /** The same for the same thing: states are compared by it. */
  readonly key: string
  /** Whether the text stands within the key of an object. */
  readonly inKey: boolean
  /** Tells `out` what this becomes by one more byte, and nothing if the byte may not come. */
  step(byte: number, around: State, out: Sink): void
  /** Whether the whole text may end here. */
  mayEnd(around: State): boolean
}

/** A thing being written and the states that go on when it is done. */
export interface Frame {
  readonly local: Local
  readonly around: State
}

/**
 * A state of the automaton: the things that may be being written, each another one. `next` holds the states after each byte as
 * far as they are known, null where the byte may not come.
 */
export interface State {
  readonly id: number
  readonly frames: readonly Frame[]
  readonly mayEnd: boolean
  readonly inKey: boolean
  next: (State | null | undefined)[] | undefined
}

/** Where a step puts what comes next. */
export interface Sink {
  /** Whether blanks may stand between the parts of JSON. */
  readonly blanks: boolean
  /** Goes on with `local`, still in `around`. */
  go(local: Local, around: State): void
  /** The state that goes on with `local` in `around`: what is around something within it. */
  within(local: Local, around: State): State
  /** What was written is done with this byte: what is around goes on. */
  leave(around: State): void
  /** What was written was done before this byte, which belongs to what is around. */
  passOn(byte: number, around: State): void
  /** The text of the key that this byte closes. What comes next then depends on more than the state. */
  keyText(): string
}

/** Most spaces after a line break. Bounded, so that nobody writes blanks for ever. */
const WIDEST_INDENT = 20

/** Blanks written so far: 0 none, 1 a space, else a line break and so many spaces less two. */
export type Blanks = number

/** As after a space: no blank may follow. */
export const NO_MORE_BLANKS: Blanks = 1

/** The blanks after one more blank; undefined where `byte` is none, or one too many. */
export function nextBlanks(blanks: Blanks, byte: number): Blanks | undefined {
  if (byte === 0x0a) return blanks === 0 ? 2 : undefined
  if (byte !== 0x20) return undefined
  if (blanks === 0) return 1
  return blanks >= 2 && blanks < 2 + WIDEST_INDENT ? blanks + 1 : undefined
}
