import { modelLoadError } from '../util/errors.ts'
import { encodeHalves, fromHalf } from '../util/half.ts'
import { QUANT_GROUP } from './quantize.ts'

/**
 * Rows that were quantized before they came to us. Q4: a row's codes as quantize4 packs them, then its scales. Q8: a row's int8 values, then
 * its scales. Scales are halves, one for 32 values.
 */
export type PackedDtype = 'Q4' | 'Q8'

/** Bytes of a value, its part of the scale included. */
export const packedBytes: Readonly<Record<PackedDtype, number>> = { Q4: 9 / 16, Q8: 17 / 16 }

export const isPackedDtype = (dtype: string): dtype is PackedDtype => Object.hasOwn(packedBytes, dtype)

/** Takes whole packed rows apart, and gives values as the format has them. Errors: Q8 as q4, which would be quantizing again. */
export function unpackRows(
  bytes: Uint8Array<ArrayBuffer>,
  dtype: PackedDtype,
  cols: number,
  format: 'f32' | 'f16' | 'q8' | 'q4',
): { data: Uint8Array<ArrayBuffer>; scales?: Uint8Array<ArrayBuffer>; overflow: number } {
  const perRow = cols * packedBytes[dtype]
  const dataBytes = dtype === 'Q4' ? cols / 2 : cols
  const scaleBytes = (cols / QUANT_GROUP) * 2
  const rows = bytes.length / perRow
  if (!Number.isInteger(rows)) throw modelLoadError(`${bytes.length} bytes are no whole number of rows of ${cols} ${dtype} values.`)
  if (format === 'q4' && dtype === 'Q8') throw modelLoadError('Weights of 8 bits cannot be stored as q4 without quantizing them again.')
  const data = new Uint8Array(rows * dataBytes)
  const scales = new Uint8Array(rows * scaleBytes)
  for (let row = 0; row < rows; row++) {
    const from = row * perRow
    data.set(bytes.subarray(from, from + dataBytes), row * dataBytes)
    scales.set(bytes.subarray(from + dataBytes, from + perRow), row * scaleBytes)
  }
  if (format === dtype.toLowerCase()) return { data, scales, overflow: 0 }
  const values = dtype === 'Q4' ? expand4(data) : new Int8Array(data.buffer)
  if (format === 'q8') return { data: new Uint8Array(values.buffer), scales, overflow: 0 }
  const floats = scaled(values, new Uint16Array(scales.buffer))
  const plain = format === 'f32' ? floats : encodeHalves(floats)
  return { data: new Uint8Array(plain.buffer), overflow: 0 }
}

/** Codes 0 to 15 as values −8 to 7. */
function expand4(data: Uint8Array<ArrayBuffer>): Int8Array<ArrayBuffer> {
  const words = new Uint32Array(data.buffer)
  const values = new Int8Array(words.length * 8)
  for (const [i, word] of words.entries()) {
    for (let pair = 0; pair < 4; pair++) {
      values[i * 8 + pair * 2] = ((word >>> (4 * pair)) & 15) - 8
      values[i * 8 + pair * 2 + 1] = ((word >>> (4 * pair + 16)) & 15) - 8
    }
  }
  return values
}

function scaled(values: Int8Array, scales: Uint16Array): Float32Array<ArrayBuffer> {
  const floats = new Float32Array(values.length)
  for (let group = 0; group < scales.length; group++) {
    const scale = fromHalf(scales[group] as number)
    for (let i = group * QUANT_GROUP; i < (group + 1) * QUANT_GROUP; i++) floats[i] = (values[i] as number) * scale
  }
  return floats
}
