/**
 * IEEE 754 half precision (binary16) to and from f32. Halves are held as their bits, because a Float16Array is not everywhere yet.
 * From 65520 on a value becomes infinity, as the standard says; callers that mind count them.
 */

const floatCell = new Float32Array(1)
const bitsCell = new Uint32Array(floatCell.buffer)

/** The bits of the half nearest to a number, ties to even. */
export function toHalf(value: number): number {
  floatCell[0] = value
  return halfOfFloatBits(bitsCell[0] as number)
}

/** The same, from the bits of an f32. */
export function halfOfFloatBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x47800000) return sign | 0x7c00
  // Rebias the exponent from 127 to 15, then round off the 13 bits that a half lacks; a carry may reach infinity.
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0x0fff + ((magnitude >>> 13) & 1)) >>> 13)
  if (magnitude < 0x33000000) return sign
  // Below 2^-14 a half counts steps of 2^-24: shift the whole significand there, rounding.
  const significand = (magnitude & 0x7fffff) | 0x800000
  const shift = 126 - (magnitude >>> 23)
  const half = 1 << (shift - 1)
  return sign | ((significand + half - 1 + ((significand >>> shift) & 1)) >>> shift)
}

/** The number that the half with these bits stands for, exactly. */
export const fromHalf = (bits: number): number => floatOfHalf()[bits & 0xffff] as number

/** Rounds every value to a half; gives the bits. */
export function encodeHalves(values: ArrayLike<number>, into = new Uint16Array(values.length)): Uint16Array<ArrayBuffer> {
  for (let i = 0; i < into.length; i++) into[i] = toHalf(values[i] as number)
  return into
}

/** Widens halves to f32, exactly. */
export function decodeHalves(halves: Uint16Array, into: Float32Array = new Float32Array(halves.length)): Float32Array {
  const table = floatOfHalf()
  for (let i = 0; i < into.length; i++) into[i] = table[halves[i] as number] as number
  return into
}

let table: Float32Array | undefined

/** All 65536 halves as f32, made at the first use (256 kB). */
function floatOfHalf(): Float32Array {
  if (table) return table
  table = Float32Array.from({ length: 65536 }, (_, bits) => {
    const exponent = (bits >>> 10) & 31
    const fraction = bits & 0x3ff
    const sign = bits & 0x8000 ? -1 : 1
    if (exponent === 0) return sign * fraction * 2 ** -24
    if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
  })
  return table
}
