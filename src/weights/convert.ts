import { modelLoadError } from '../util/errors.ts'
import { decodeHalves, encodeHalves, halfOfFloatBits } from '../util/half.ts'
import { isPackedDtype, type PackedDtype, packedBytes, unpackRows } from './packed.ts'
import { QUANT_GROUP, quantize4, quantize8 } from './quantize.ts'
import { createSimdQuantizer, type SimdQuantizer, STRIP } from './quantize-simd.ts'

/** Element types of checkpoints that can be converted. */
export type FloatDtype = 'BF16' | 'F16' | 'F32'
export type StoredDtype = FloatDtype | PackedDtype

/** Storage of a matrix on the GPU, rows after each other. f32 and f16 are plain; q8 and q4 see quantize.ts. */
export type GpuFormat = 'f32' | 'f16' | 'q8' | 'q4'

/** Goes up whenever convertRows or transposeRows gives other bytes than before: converted weights are kept from visit to visit. */
export const CONVERSION = 1

/** Converted rows. */
export interface ConvertedRows {
  readonly data: Uint8Array<ArrayBuffer>
  /** Halves, one per 32 values; only for q8 and q4. */
  readonly scales?: Uint8Array<ArrayBuffer>
  /** How many values the format cannot hold: finite ones beyond ±65504 in f16; for q8 and q4 see quantize.ts. 0 unless something is wrong. */
  readonly overflow: number
}

/** Bytes of an element. */
export const dtypeBytes: Readonly<Record<StoredDtype, number>> = { BF16: 2, F16: 2, F32: 4, ...packedBytes }

export const isFloatDtype = (dtype: string): dtype is FloatDtype => Object.hasOwn(dtypeBytes, dtype) && !isPackedDtype(dtype)

/** Columns must come in multiples of this, so that rows and groups fill whole words. */
export const columnMultiple: Readonly<Record<GpuFormat, number>> = { f32: 1, f16: 2, q8: QUANT_GROUP, q4: QUANT_GROUP }

/** Bytes that a row of `cols` values takes in a format. Errors: ModelLoadError if `cols` is no multiple of what the format needs. */
export function bytesPerRow(format: GpuFormat, cols: number): { data: number; scales: number } {
  if (cols % columnMultiple[format] !== 0) {
    throw modelLoadError(`A matrix of ${cols} columns cannot be stored as ${format}, which needs a multiple of ${columnMultiple[format]}.`)
  }
  const bits = { f32: 32, f16: 16, q8: 8, q4: 4 }[format]
  return { data: (cols * bits) / 8, scales: format === 'q8' || format === 'q4' ? (cols / QUANT_GROUP) * 2 : 0 }
}

/**
 * Converts whole rows of a checkpoint (little-endian) to a GPU format.
 * Errors: ModelLoadError as in bytesPerRow, or if `bytes` is no whole number of rows.
 */
export function convertRows(bytes: Uint8Array<ArrayBuffer>, dtype: StoredDtype, cols: number, format: GpuFormat): ConvertedRows {
  const perRow = bytesPerRow(format, cols)
  if (isPackedDtype(dtype)) return unpackRows(bytes, dtype, cols, format)
  const rows = bytes.length / (cols * dtypeBytes[dtype])
  if (!Number.isInteger(rows)) throw modelLoadError(`${bytes.length} bytes are no whole number of rows of ${cols} ${dtype} values.`)
  if (format === 'f32') return { data: asBytes(toFloat32(bytes, dtype)), overflow: 0 }
  if (format === 'f16') return toHalves(bytes, dtype)
  const data = new Uint8Array(rows * perRow.data)
  const scales = new Uint16Array((rows * perRow.scales) / 2)
  const overflow = quantizeStrips(bytes, dtype, format, data, scales)
  return { data, scales: asBytes(scales), overflow }
}

/** The transpose of a whole matrix of `rows` rows, element by element. bytes: a copy's, from offset 0. */
export function transposeRows(bytes: Uint8Array<ArrayBuffer>, dtype: FloatDtype, rows: number): Uint8Array<ArrayBuffer> {
  const from = dtypeBytes[dtype] === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer)
  const to = from.slice()
  const cols = from.length / rows
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) to[col * rows + row] = from[row * cols + col] ?? 0
  }
  return asBytes(to)
}

/** Widens checkpoint values to f32, exactly. The result has its own buffer. */
export function toFloat32(bytes: Uint8Array, dtype: FloatDtype): Float32Array<ArrayBuffer> {
  const values = new Float32Array(bytes.length / dtypeBytes[dtype])
  widen(bytes, dtype, values)
  return values
}

let simd: SimdQuantizer | false | undefined

/** Values are widened a strip at a time, which stays in the fastest cache. */
function quantizeStrips(bytes: Uint8Array, dtype: FloatDtype, format: 'q8' | 'q4', data: Uint8Array, scales: Uint16Array): number {
  simd ??= createSimdQuantizer() ?? false
  const quantize = format === 'q8' ? (simd || { quantize8 }).quantize8 : (simd || { quantize4 }).quantize4
  const strip = simd ? simd.strip : new Float32Array(STRIP)
  const size = dtypeBytes[dtype]
  let overflow = 0
  for (let at = 0; at * size < bytes.length; at += STRIP) {
    const part = bytes.subarray(at * size, (at + STRIP) * size)
    const values = strip.subarray(0, part.length / size)
    if (!(simd && dtype !== 'F32' && simd.widen(part, dtype))) widen(part, dtype, values)
    overflow += quantize(values, at / QUANT_GROUP, data, scales)
  }
  return overflow
}

function widen(bytes: Uint8Array, dtype: FloatDtype, into: Float32Array): void {
  if (dtype === 'F32') {
    new Uint8Array(into.buffer, into.byteOffset, into.byteLength).set(bytes)
  } else if (dtype === 'F16') {
    decodeHalves(words16(bytes), into)
  } else {
    const bits = new Uint32Array(into.buffer, into.byteOffset, into.length)
    const words = words16(bytes)
    for (let i = 0; i < bits.length; i++) bits[i] = (words[i] as number) << 16
  }
}

function toHalves(bytes: Uint8Array, dtype: FloatDtype): ConvertedRows {
  if (dtype === 'F16') return { data: bytes.slice(), overflow: 0 }
  let halves: Uint16Array<ArrayBuffer>
  let overflow = 0
  if (dtype === 'F32') {
    const floats = toFloat32(bytes, dtype)
    halves = encodeHalves(floats)
    for (let i = 0; i < halves.length; i++) if (isInfinite(halves[i] as number) && Number.isFinite(floats[i])) overflow++
  } else {
    const table = bfloatTable()
    const words = words16(bytes)
    halves = new Uint16Array(words.length)
    for (let i = 0; i < words.length; i++) {
      const half = (halves[i] = table[words[i] as number] as number)
      if (isInfinite(half) && ((words[i] as number) & 0x7f80) !== 0x7f80) overflow++
    }
  }
  return { data: asBytes(halves), overflow }
}

const isInfinite = (half: number): boolean => (half & 0x7fff) === 0x7c00

let halfOfBfloat: Uint16Array | undefined

/** The half nearest to each of the 65536 bfloat16 values, made at the first use (128 kB). */
function bfloatTable(): Uint16Array {
  halfOfBfloat ??= Uint16Array.from({ length: 65536 }, (_, word) => halfOfFloatBits((word << 16) >>> 0))
  return halfOfBfloat
}

/** A view of 16-bit words; of a copy, where the bytes lie at an odd place. */
function words16(bytes: Uint8Array): Uint16Array {
  const even = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice()
  return new Uint16Array(even.buffer, even.byteOffset, even.length / 2)
}

const asBytes = (array: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
