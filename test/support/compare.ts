/** The largest difference between two arrays, as is and relative to the largest expected value. NaN where one is NaN and the other not. */
export function errorOf(actual: ArrayLike<number>, expected: ArrayLike<number>): { max: number; relative: number; at: number } {
  if (actual.length !== expected.length) throw new Error(`${actual.length} values, expected ${expected.length}`)
  let max = 0
  let scale = 0
  let at = -1
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i] ?? Number.NaN
    const e = expected[i] ?? Number.NaN
    const difference = Object.is(a, e) ? 0 : Math.abs(a - e)
    // Written so that a NaN counts as the worst.
    if (!(difference <= max) && !Number.isNaN(max)) {
      max = difference
      at = i
    }
    if (Number.isFinite(e)) scale = Math.max(scale, Math.abs(e))
  }
  return { max, relative: scale > 0 ? max / scale : max, at }
}

/** The largest difference between two arrays; NaN if a NaN stands where none belongs. */
export const maxError = (actual: ArrayLike<number>, expected: ArrayLike<number>): number => errorOf(actual, expected).max

/** The largest difference over the largest expected magnitude: the measure that a sum over many terms keeps. */
export const relativeError = (actual: ArrayLike<number>, expected: ArrayLike<number>): number => errorOf(actual, expected).relative
