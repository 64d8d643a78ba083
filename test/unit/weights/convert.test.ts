import { describe, expect, it } from 'vitest'
import { fromHalf, toHalf } from '../../../src/util/half.ts'
import { bytesPerRow, convertRows, type FloatDtype, type GpuFormat, isFloatDtype, toFloat32 } from '../../../src/weights/convert.ts'
import { thrown } from './thrown.ts'

/** Seeded numbers in [0, 1). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Normal numbers of this size, some groups of 32 much larger or smaller than others, some all zero. */
function weights(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = randomNumbers(seed)
  const sizes = [0.02, 0.02, 1, 3e-6, 0, 5000, 1e-8]
  return Float32Array.from({ length: count }, (_, i) => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    return normal * (sizes[(i >> 5) % sizes.length] as number)
  })
}

const wordOf = (value: number) => new Uint32Array(Float32Array.of(value).buffer)[0] as number

/** Values as a checkpoint stores them, and what they then are. */
const stored: Record<FloatDtype, (values: Float32Array<ArrayBuffer>) => { bytes: Uint8Array<ArrayBuffer>; exact: Float32Array }> = {
  F32: (values) => ({ bytes: new Uint8Array(values.buffer), exact: values }),
  F16: (values) => {
    const halves = Uint16Array.from(values, toHalf)
    return { bytes: new Uint8Array(halves.buffer), exact: Float32Array.from(halves, fromHalf) }
  },
  BF16: (values) => {
    const words = Uint16Array.from(values, (value) => wordOf(value) >>> 16)
    return { bytes: new Uint8Array(words.buffer), exact: new Float32Array(Uint32Array.from(words, (word) => word << 16).buffer) }
  },
}

const dtypes: FloatDtype[] = ['F32', 'F16', 'BF16']

const scalesOf = (rows: { scales?: Uint8Array<ArrayBuffer> }) =>
  Array.from(new Uint16Array((rows.scales as Uint8Array).slice().buffer), fromHalf)

/** Codes 0 to 15 in the order of the values, read as the shaders read them: pairs sixteen bits apart. */
function codesOf(data: Uint8Array): number[] {
  const words = new Uint32Array(data.slice().buffer)
  return Array.from({ length: words.length * 8 }, (_, k) => {
    const shift = 4 * ((k % 8) >> 1) + 16 * (k % 2)
    return ((words[k >> 3] as number) >>> shift) & 15
  })
}

describe('bytes per row', () => {
  it.each<[GpuFormat, number, number, number]>([
    ['f32', 3, 12, 0],
    ['f16', 1176, 2352, 0],
    ['q8', 1536, 1536, 96],
    ['q4', 1536, 768, 96],
    ['q4', 32, 16, 2],
  ])('%s of %i columns: %i and %i of scales', (format, cols, data, scales) => {
    expect(bytesPerRow(format, cols)).toEqual({ data, scales })
  })

  it.each<[GpuFormat, number, number]>([
    ['f16', 7, 2],
    ['q8', 48, 32],
    ['q4', 1176, 32],
  ])('%s refuses %i columns', async (format, cols, multiple) => {
    for (const attempt of [() => bytesPerRow(format, cols), () => convertRows(new Uint8Array(cols * 4), 'F32', cols, format)]) {
      const error = await thrown((async () => attempt())())
      expect(error.name).toBe('ModelLoadError')
      expect(error.message).toContain(`${cols} columns cannot be stored as ${format}, which needs a multiple of ${multiple}`)
    }
  })

  it('refuses part of a row', async () => {
    const error = await thrown(Promise.resolve().then(() => convertRows(new Uint8Array(100), 'BF16', 32, 'q4')))
    expect(error.message).toContain('100 bytes are no whole number of rows of 32 BF16 values')
  })

  it('knows which types it converts', () => {
    expect(['BF16', 'F16', 'F32', 'F64', 'I64', 'toString'].filter(isFloatDtype)).toEqual(['BF16', 'F16', 'F32'])
  })
})

describe.each(dtypes)('%s', (dtype) => {
  const { bytes, exact } = stored[dtype](weights(64 * 224, 1))

  it('becomes f32 exactly', () => {
    expect(toFloat32(bytes, dtype)).toEqual(exact)
    const { data, overflow } = convertRows(bytes, dtype, 64, 'f32')
    expect(new Float32Array(data.buffer)).toEqual(exact)
    expect(overflow).toBe(0)
  })

  it('becomes the nearest f16', () => {
    const { data, overflow } = convertRows(bytes, dtype, 64, 'f16')
    expect(new Uint16Array(data.buffer)).toEqual(Uint16Array.from(exact, toHalf))
    expect(overflow).toBe(0)
  })

  it('becomes q8 with errors of at most half a scale', () => {
    const rows = convertRows(bytes, dtype, 64, 'q8')
    const scales = scalesOf(rows)
    const codes = new Int8Array(rows.data.buffer)
    expect([codes.length, scales.length, rows.overflow]).toEqual([exact.length, exact.length / 32, 0])
    for (const [i, value] of exact.entries()) {
      const scale = scales[i >> 5] as number
      // Doubles compute the quotient to 2^-53; the bound itself is exact.
      expect(Math.abs(value - (codes[i] as number) * scale)).toBeLessThanOrEqual((scale / 2) * (1 + 2 ** -40))
    }
    for (const [group, scale] of scales.entries()) {
      const largest = Math.max(...exact.subarray(group * 32, group * 32 + 32).map(Math.abs))
      // The half next above or below max / 127: steps of 2^-10 of it, or of 2^-24 where halves are subnormal.
      expect(Math.abs(scale - largest / 127)).toBeLessThanOrEqual(Math.max((largest / 127) * 2 ** -10, 2 ** -24))
    }
  })

  it('becomes q4 with the nearest code for every value', () => {
    const rows = convertRows(bytes, dtype, 64, 'q4')
    const scales = scalesOf(rows)
    const codes = codesOf(rows.data)
    expect([codes.length, scales.length, rows.overflow]).toEqual([exact.length, exact.length / 32, 0])
    for (const [i, value] of exact.entries()) {
      const scale = scales[i >> 5] as number
      const error = Math.abs(value - ((codes[i] as number) - 8) * scale)
      // Half a step inside the range of the codes, the distance to its end outside.
      const low = Math.min(-8 * scale, 7 * scale)
      const high = Math.max(-8 * scale, 7 * scale)
      const outside = Math.max(low - value, value - high, 0)
      expect(error).toBeLessThanOrEqual(Math.max(Math.abs(scale) / 2, outside) * (1 + 2 ** -40))
    }
  })

  it('becomes q4 no worse than with the scale max / -8, group by group', () => {
    const rows = convertRows(bytes, dtype, 64, 'q4')
    const scales = scalesOf(rows)
    const codes = codesOf(rows.data)
    let error = 0
    let plainError = 0
    for (const [group, scale] of scales.entries()) {
      const values = exact.subarray(group * 32, group * 32 + 32)
      const largest = values.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0)
      const plain = largest / -8
      const squares = values.reduce((sum, value, i) => sum + (value - ((codes[group * 32 + i] as number) - 8) * scale) ** 2, 0)
      const plainSquares = values.reduce((sum, value) => {
        const code = plain === 0 ? 8 : Math.min(15, Math.max(0, Math.round(value / plain) + 8))
        return sum + (value - (code - 8) * plain) ** 2
      }, 0)
      // The plain scale is not rounded to a half here, the other is: that may cost (half a unit)² for each of 32 codes of at most 8 steps.
      const unit = Math.max(2 ** Math.floor(Math.log2(Math.abs(scale) || 2 ** -24)) * 2 ** -10, 2 ** -24)
      expect(squares).toBeLessThanOrEqual(plainSquares * (1 + 1e-9) + (unit / 2) ** 2 * 32 * 64)
      // Where the scale is a subnormal half, its rounding outweighs everything.
      if (Math.abs(scale) >= 2 ** -14) {
        error += squares / largest ** 2
        plainError += plainSquares / largest ** 2
      }
    }
    // On normal numbers three tries leave a tenth less squared error than one.
    expect(error).toBeLessThan(plainError * 0.92)
  })

  it('is the same when its bytes lie at an odd place', () => {
    const shifted = new Uint8Array(bytes.length + 1)
    shifted.set(bytes, 1)
    for (const format of ['f32', 'f16', 'q8', 'q4'] as const) {
      const odd = convertRows(shifted.subarray(1), dtype, 64, format)
      const even = convertRows(bytes, dtype, 64, format)
      expect(Buffer.compare(odd.data, even.data)).toBe(0)
      expect(Buffer.compare(odd.scales ?? Buffer.of(), even.scales ?? Buffer.of())).toBe(0)
    }
  })

  it('gives rows one after the other, whatever the number of rows at a time', () => {
    for (const format of ['f32', 'f16', 'q8', 'q4'] as const) {
      const size = bytes.length / 224
      const parts = Array.from({ length: 224 / 7 }, (_, i) =>
        convertRows(bytes.subarray(i * 7 * size, (i + 1) * 7 * size), dtype, 64, format),
      )
      const whole = convertRows(bytes, dtype, 64, format)
      expect(Buffer.concat(parts.map(({ data }) => data)).equals(whole.data)).toBe(true)
      if (whole.scales) expect(Buffer.concat(parts.map(({ scales }) => scales as Uint8Array)).equals(whole.scales)).toBe(true)
    }
  })
})

describe('layout of q8 and q4', () => {
  it('puts 8-bit codes in order, 127 at the largest', () => {
    const values = Float32Array.from({ length: 32 }, (_, i) => i * 8 - 127)
    const rows = convertRows(new Uint8Array(values.buffer), 'F32', 32, 'q8')
    expect(scalesOf(rows)).toEqual([1])
    expect([...new Int8Array(rows.data.buffer)]).toEqual([...values])
  })

  it('puts value 2i into nibble i and value 2i+1 into nibble i+4', () => {
    // With -8 as the largest the scale is 1, and code = value + 8: 0 to 15 and back.
    const values = Float32Array.from({ length: 32 }, (_, i) => (i < 16 ? i - 8 : 23 - i))
    const rows = convertRows(new Uint8Array(values.buffer), 'F32', 32, 'q4')
    expect(scalesOf(rows)).toEqual([1])
    expect([...new Uint32Array(rows.data.buffer)].map((word) => word.toString(16).padStart(8, '0'))).toEqual([
      '75316420',
      'fdb9eca8',
      '8ace9bdf',
      '02461357',
    ])
  })

  it('lets the sign of the largest value be that of the scale', () => {
    const values = Float32Array.from({ length: 32 }, (_, i) => (i === 3 ? 8 : i === 4 ? -7 : 0))
    const rows = convertRows(new Uint8Array(values.buffer), 'F32', 32, 'q4')
    expect(scalesOf(rows)).toEqual([-1])
    expect([...new Uint32Array(rows.data.buffer)].map((word) => word.toString(16).padStart(8, '0'))).toEqual([
      '88088f88',
      '88888888',
      '88888888',
      '88888888',
    ])
  })

  it('stores zeros as zeros', () => {
    const zeros = new Uint8Array(64 * 4)
    const q8 = convertRows(zeros, 'F32', 32, 'q8')
    expect([...q8.data, ...scalesOf(q8)]).toEqual(new Array(64 + 2).fill(0))
    const q4 = convertRows(zeros, 'F32', 32, 'q4')
    expect([codesOf(q4.data), scalesOf(q4)]).toEqual([new Array(64).fill(8), [0, 0]])
  })
})

describe('values that a format cannot hold', () => {
  const count = (values: number[], dtype: 'F32' | 'BF16', format: GpuFormat) => {
    const row = Float32Array.from({ length: 64 }, (_, i) => values[i] ?? 1)
    return convertRows(stored[dtype](row).bytes, dtype, 64, format).overflow
  }

  it.each<[string, number[], 'F32' | 'BF16', GpuFormat, number]>([
    ['65504 in f16', [65504, -65504], 'F32', 'f16', 0],
    ['65520 in f16', [65520, -65520, 65519], 'F32', 'f16', 2],
    ['bfloat16 70144 in f16', [70144, -1e30], 'BF16', 'f16', 2],
    ['infinity in f16, which has one', [Number.POSITIVE_INFINITY, Number.NaN], 'F32', 'f16', 0],
    ['bfloat16 infinity in f16', [Number.NEGATIVE_INFINITY, Number.NaN], 'BF16', 'f16', 0],
    ['anything in f32', [1e38, Number.POSITIVE_INFINITY], 'F32', 'f32', 0],
    ['8 million in q8', [65504 * 127], 'F32', 'q8', 0],
    ['9 million in q8', [9e6], 'F32', 'q8', 32],
    ['infinity in q8', [Number.NEGATIVE_INFINITY], 'BF16', 'q8', 32],
    ['NaN in q8', [Number.NaN], 'F32', 'q8', 32],
    ['half a million in q4', [65504 * 8], 'F32', 'q4', 0],
    ['a million in q4', [-1e6], 'F32', 'q4', 32],
    ['infinity in q4', [Number.POSITIVE_INFINITY], 'BF16', 'q4', 32],
    ['NaN in both groups of q4', [...new Array(31).fill(0), Number.NaN, Number.NaN], 'F32', 'q4', 64],
  ])('%s', (_what, values, dtype, format, expected) => {
    expect(count(values, dtype, format)).toBe(expected)
  })
})
