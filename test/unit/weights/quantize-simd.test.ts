import { describe, expect, it } from 'vitest'
import { fromHalf } from '../../../src/util/half.ts'
import { convertRows, type FloatDtype, toFloat32 } from '../../../src/weights/convert.ts'
import { type QuantizeGroups, quantize4, quantize8 } from '../../../src/weights/quantize.ts'
import { createSimdQuantizer, type SimdQuantizer, STRIP } from '../../../src/weights/quantize-simd.ts'

const GROUPS = STRIP / 32

/** Seeded words of 32 random bits. */
function randomWords(count: number, seed: number): Uint32Array<ArrayBuffer> {
  let state = seed
  return Uint32Array.from({ length: count }, () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state
  })
}

const floatsOf = (words: Uint32Array<ArrayBuffer>): Float32Array<ArrayBuffer> => new Float32Array(words.buffer)

/** Bits of f32 with a random sign and significand, in a group within `spread` powers of two below 2^(exponent − 127). */
function wordsNear(exponent: number, spread: number, seed: number): Uint32Array<ArrayBuffer> {
  const signs = randomWords(STRIP, seed)
  const powers = randomWords(STRIP, seed + 1)
  return signs.map((word, i) => ((word & 0x807fffff) | (Math.max(0, exponent - ((powers[i] ?? 0) % (spread + 1))) << 23)) >>> 0)
}

/** Values of which many tie: small multiples of a power of two, so that largest magnitudes come with both signs. */
const wholeValues = (seed: number): Float32Array<ArrayBuffer> =>
  Float32Array.from(randomWords(STRIP, seed), (word) => ((word % 33) - 16) / 64)

/** Random values with these put in here and there, once every few groups. */
function withValues(values: readonly number[], seed: number): Float32Array<ArrayBuffer> {
  const floats = floatsOf(wordsNear(120, 6, seed))
  const places = randomWords(GROUPS, seed + 2)
  for (let group = 0; group < GROUPS; group += 3)
    floats[group * 32 + ((places[group] ?? 0) % 32)] = values[(group / 3) % values.length] ?? 0
  return floats
}

const cases: [string, Float32Array<ArrayBuffer>][] = [
  ['values of any bits', floatsOf(randomWords(STRIP, 1))],
  ['values of one size', floatsOf(wordsNear(121, 0, 2))],
  ['values of several sizes', floatsOf(wordsNear(121, 30, 3))],
  ['values whose scales are no normal halves', floatsOf(wordsNear(105, 3, 4))],
  ['values whose scales round to zero or to the smallest half', floatsOf(wordsNear(103, 2, 5))],
  ['values whose scales are the largest halves, or larger', floatsOf(wordsNear(145, 3, 6))],
  ['denormals', floatsOf(randomWords(STRIP, 7).map((word) => word & 0x807fffff))],
  ['zeros of both signs', Float32Array.from(randomWords(STRIP, 8), (word) => (word % 2 ? -0 : 0))],
  ['values that tie', wholeValues(9)],
  ['NaN and infinities among others', withValues([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 3.4e38, -1e-45], 10)],
  ['the same value everywhere', new Float32Array(STRIP).fill(-0.017)],
]

const simd = createSimdQuantizer() as SimdQuantizer

/** What a quantizer makes of values that it finds in `strip`, after `at` groups of others. */
function quantized(quantize: QuantizeGroups, values: Float32Array, bytes: number, at: number) {
  const groups = values.length / 32
  const data = new Uint8Array((groups + at) * bytes)
  const scales = new Uint16Array(groups + at)
  const overflow = quantize(values, at, data, scales)
  return { data, scales, overflow }
}

describe('quantizing with vectors', () => {
  it('is to be had here', () => {
    expect(createSimdQuantizer()).toBeDefined()
  })

  it.each(cases)('gives the bytes of plain quantizing: %s', (_, values) => {
    for (const [plain, fast, bytes] of [
      [quantize8, simd.quantize8, 32],
      [quantize4, simd.quantize4, 16],
    ] as const) {
      for (const count of [STRIP, 32, 96]) {
        simd.strip.set(values)
        expect(quantized(fast, simd.strip.subarray(0, count), bytes, 3)).toEqual(quantized(plain, values.subarray(0, count), bytes, 3))
      }
    }
  })

  it('widens every bfloat16 and every half as plain code does, and says which it cannot', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, word) => word)
    for (const dtype of ['BF16', 'F16'] as const) {
      for (let first = 0; first < 65536; first += 64) {
        const bytes = new Uint8Array(all.buffer, first * 2, 128)
        const finite = simd.widen(bytes, dtype)
        expect(finite).toBe(dtype === 'BF16' || Number.isFinite(fromHalf(first)))
        if (finite) expect(wordsOf(simd.strip.slice(0, 64))).toEqual(wordsOf(toFloat32(bytes, dtype)))
      }
    }
  })

  it.each<FloatDtype>(['F32', 'F16', 'BF16'])('converts whole rows of %s to the same bytes as before, over many strips', (dtype) => {
    const rows = 5
    const cols = 2080
    const words = randomWords(rows * cols, 11).map((word) => (word % 97 === 0 ? word : (word & 0xb87fffff) | 0x38000000) >>> 0)
    // Of 16-bit types the upper halves: exponents of BF16 as above, of F16 any.
    const stored = dtype === 'F32' ? words : Uint16Array.from(words, (word) => word >>> 16)
    const bytes = new Uint8Array(stored.buffer)
    const values = toFloat32(bytes, dtype)
    for (const [format, plain, perGroup] of [
      ['q8', quantize8, 32],
      ['q4', quantize4, 16],
    ] as const) {
      const expected = quantized(plain, values, perGroup, 0)
      const converted = convertRows(bytes, dtype, cols, format)
      expect(converted.data).toEqual(expected.data)
      expect(new Uint16Array((converted.scales as Uint8Array<ArrayBuffer>).slice().buffer)).toEqual(expected.scales)
      expect(converted.overflow).toBe(expected.overflow)
    }
  })
})

const wordsOf = (floats: Float32Array<ArrayBuffer>): Uint32Array => new Uint32Array(floats.buffer, floats.byteOffset, floats.length)
