/** Numbers in [0, 1) that depend on the seed alone (mulberry32), so that a failing test fails again. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** `count` values drawn evenly from [low, high). */
export function randomFloats(seed: number, count: number, low = -1, high = 1): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed)
  return Float32Array.from({ length: count }, () => low + (high - low) * random())
}

/** `count` integers drawn evenly from 0…below-1. */
export function randomInts(seed: number, count: number, below: number): Uint32Array<ArrayBuffer> {
  const random = seededRandom(seed)
  return Uint32Array.from({ length: count }, () => Math.floor(random() * below))
}
