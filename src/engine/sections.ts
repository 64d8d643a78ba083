/** Sections of a buffer start at multiples of this many words: 256 bytes, WebGPU's offset alignment. */
const SECTION_WORDS = 64

/** Lays arrays of words one after another, each where a binding may begin. */
export interface Sections {
  /** Where an array of `count` words begins, in words. */
  add(count: number): number
  readonly words: number
}

/** Starts an empty layout. */
export function sections(): Sections {
  let words = 0
  return {
    add(count) {
      const at = words
      words += Math.ceil(count / SECTION_WORDS) * SECTION_WORDS
      return at
    },
    get words() {
      return words
    },
  }
}
