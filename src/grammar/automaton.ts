import type { Frame, Local, Sink, State } from './state.ts'
import { END } from './value-locals.ts'

/** States kept at most; beyond that all are forgotten, and made anew as they are met. */
const MOST_STATES = 30_000

/** The states of one grammar, made as texts lead to them and then remembered, shared by all who read texts. */
export class Automaton {
  /** The state of a text that is complete. */
  readonly end: State
  readonly #start: Local
  readonly #blanks: boolean
  #states = new Map<string, State>()
  #lastId = 0

  /** @param blanks whether blanks may stand between the parts of JSON. */
  constructor(start: Local, blanks: boolean) {
    this.#start = start
    this.#blanks = blanks
    this.end = { id: 0, frames: [], mayEnd: true, inKey: false, next: undefined }
    // The end stands around everything, so it is the one state that has itself around it.
    Object.assign(this.end, { frames: [{ local: END, around: this.end }] })
  }

  get start(): State {
    return this.within(this.#start, this.end)
  }

  /** The state in which nothing but `local` is written, in `around`. */
  within(local: Local, around: State): State {
    return this.#intern([{ local, around }])
  }

  /**
   * The state after a byte, or null where it may not come. `keyBytes` gives the bytes of the key so far, between its quotes; it is
   * asked only in states within a key.
   */
  step(state: State, byte: number, keyBytes: () => readonly number[]): State | null {
    const known = state.next?.[byte]
    if (known !== undefined) return known
    const found: Frame[] = []
    let lasting = true
    const sink: Sink = {
      blanks: this.#blanks,
      go: (local, around) => void found.push({ local, around }),
      within: (local, around) => this.within(local, around),
      leave: (around) => void found.push(...around.frames),
      passOn: (next, around) => {
        for (const frame of around.frames) frame.local.step(next, frame.around, sink)
      },
      keyText: () => {
        lasting = false
        return JSON.parse(`"${new TextDecoder().decode(Uint8Array.from(keyBytes()))}"`) as string
      },
    }
    for (const { local, around } of state.frames) local.step(byte, around, sink)
    const next = found.length > 0 ? this.#merge(found) : null
    if (lasting) (state.next ??= new Array<State | null | undefined>(256).fill(undefined))[byte] = next
    return next
  }

  /** Forgets states when there are too many. Not while states are being compared by identity. */
  tidy(): void {
    if (this.#states.size <= MOST_STATES) return
    for (const state of this.#states.values()) state.next = undefined
    this.#states = new Map()
    this.end.next = undefined
  }

  /** One frame for each local: what is around the same thing in several places is put together. */
  #merge(frames: readonly Frame[]): State {
    const byKey = new Map<string, Frame>()
    for (const frame of frames) {
      const same = byKey.get(frame.local.key)
      if (!same) byKey.set(frame.local.key, frame)
      else if (same.around !== frame.around) {
        byKey.set(frame.local.key, { local: frame.local, around: this.#merge([...same.around.frames, ...frame.around.frames]) })
      }
    }
    return this.#intern([...byKey.values()])
  }

  #intern(frames: readonly Frame[]): State {
    if (frames.length === 1 && frames[0]!.local === END) return this.end
    const sorted = frames.length === 1 ? frames : [...frames].sort((a, b) => (a.local.key < b.local.key ? -1 : 1))
    const key = sorted.map(({ local, around }) => `${local.key}@${around.id}`).join('|')
    let state = this.#states.get(key)
    if (!state) {
      state = {
        id: ++this.#lastId,
        frames: sorted,
        mayEnd: sorted.some(({ local, around }) => local.mayEnd(around)),
        inKey: sorted.some(({ local }) => local.inKey),
        next: undefined,
      }
      this.#states.set(key, state)
    }
    return state
  }
}
