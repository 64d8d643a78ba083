import { modelLoadError } from '../util/errors.ts'
import { type PackedDtype, packedBytes } from './packed.ts'
import { QUANT_GROUP } from './quantize.ts'

/** How a checkpoint's int4 matrices are packed. */
export interface Int4Format {
  readonly method: 'awq' | 'gptq'
  /** Inputs that share scale and zero point; undefined: all. */
  readonly groupSize: number | undefined
  /** Zero points are 8 throughout, so that codes can stay as they are. */
  readonly symmetric: boolean
  /** What is added to stored zero points. */
  readonly zeroOffset: 0 | 1
}

/** A matrix of `outputs` rows and `inputs` columns, as its tensors hold it (little-endian). */
export interface Int4Matrix {
  readonly name: string
  readonly inputs: number
  readonly outputs: number
  readonly qweight: Uint32Array
  readonly qzeros: Uint32Array
  readonly scales: Uint16Array
  /** The group of each input, where the checkpoint says so. */
  readonly groups: Int32Array | undefined
}

/** Nibble of an AWQ word that holds each of its eight outputs. */
const AWQ_NIBBLES = [0, 4, 1, 5, 2, 6, 3, 7] as const

/** What a matrix becomes: codes stay four bits where the zero point is 8; else value minus zero point takes eight, and loses nothing. */
export const packedDtypeOf = ({ symmetric }: Int4Format): PackedDtype => (symmetric ? 'Q4' : 'Q8')

/**
 * Rows [begin, end) of a matrix as packed rows. Codes and scales are those of the checkpoint; nothing is rounded.
 * Errors: ModelLoadError for groups that are scattered over the inputs, and for zero points that a symmetric checkpoint cannot have.
 */
export function packRows(matrix: Int4Matrix, format: Int4Format, begin: number, end: number): Uint8Array<ArrayBuffer> {
  const { inputs } = matrix
  const dtype = packedDtypeOf(format)
  const perRow = inputs * packedBytes[dtype]
  const group = format.groupSize ?? inputs
  const bytes = new Uint8Array((end - begin) * perRow)
  const codes = new Uint8Array(inputs)
  const dataBytes = dtype === 'Q4' ? inputs / 2 : inputs
  const values = new Int8Array(inputs)
  for (let row = begin; row < end; row++) {
    readCodes(matrix, format, row, codes)
    const at = (row - begin) * perRow
    for (let first = 0, g = 0; first < inputs; first += group, g++) {
      const zero = zeroPoint(matrix, format, g, row)
      for (let k = first; k < first + group; k++) values[k] = (codes[k] as number) - zero
      writeScales(bytes, at + dataBytes + (first / QUANT_GROUP) * 2, group / QUANT_GROUP, matrix.scales[g * matrix.outputs + row] as number)
    }
    if (dtype === 'Q8') bytes.set(new Uint8Array(values.buffer), at)
    else pack4(codes, bytes.subarray(at, at + dataBytes))
  }
  return bytes
}

/** Checks that inputs of a group lie together, as packed rows need it. Errors: ModelLoadError. */
export function checkGroups({ name, groups, inputs }: Int4Matrix, { groupSize = inputs }: Int4Format): void {
  if (!groups) return
  const scattered = groups.findIndex((group, k) => group !== Math.floor(k / groupSize))
  if (scattered < 0) return
  throw modelLoadError(
    `'${name}' was quantized in the order of activations (desc_act): input ${scattered} is of group ${groups[scattered]}. Use a checkpoint ` +
      'without desc_act, or the model before it was quantized.',
  )
}

function readCodes({ qweight, outputs, inputs }: Int4Matrix, { method }: Int4Format, row: number, codes: Uint8Array): void {
  if (method === 'awq') {
    const perInput = outputs / 8
    const shift = 4 * (AWQ_NIBBLES[row & 7] as number)
    for (let k = 0, word = row >>> 3; k < inputs; k++, word += perInput) codes[k] = ((qweight[word] as number) >>> shift) & 15
    return
  }
  for (let k = 0, at = row; k < inputs; at += outputs) {
    let word = qweight[at] as number
    for (const next = k + 8; k < next; k++, word >>>= 4) codes[k] = word & 15
  }
}

function zeroPoint(
  { name, qzeros, outputs }: Int4Matrix,
  { method, symmetric, zeroOffset }: Int4Format,
  group: number,
  row: number,
): number {
  const nibble = method === 'awq' ? (AWQ_NIBBLES[row & 7] as number) : row & 7
  const stored = ((qzeros[(group * outputs) / 8 + (row >>> 3)] as number) >>> (4 * nibble)) & 15
  // Some that name the first version of the format store the zero point itself.
  if (symmetric && (stored === 8 || stored + zeroOffset === 8)) return 8
  if (!symmetric) return (stored + zeroOffset) & 15
  throw modelLoadError(`'${name}' has zero point ${stored + zeroOffset}, but its quantization_config says sym, which means 8.`)
}

function writeScales(bytes: Uint8Array, at: number, count: number, scale: number): void {
  for (let i = 0; i < count; i++) {
    bytes[at + 2 * i] = scale & 255
    bytes[at + 2 * i + 1] = scale >>> 8
  }
}

/** As quantize4 does: value 2i of eight in bits 4i to 4i+3, value 2i+1 sixteen bits above. */
function pack4(codes: Uint8Array, into: Uint8Array): void {
  for (let k = 0; k < codes.length; k += 8) {
    for (let half = 0; half < 2; half++) {
      const at = k / 2 + half * 2
      into[at] = (codes[k + half] as number) | ((codes[k + 2 + half] as number) << 4)
      into[at + 1] = (codes[k + 4 + half] as number) | ((codes[k + 6 + half] as number) << 4)
    }
  }
}
