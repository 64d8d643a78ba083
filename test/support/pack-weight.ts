import type { Gpu } from '../../src/gpu/device.ts'
import type { LinearWeight, WeightFormat } from '../../src/layers/weights.ts'
import { encodeHalves, fromHalf, toHalf } from '../../src/util/half.ts'
import { upload } from './gpu.ts'

/** A matrix in GPU memory and the values that its bytes stand for. */
export interface PackedWeight {
  readonly weight: LinearWeight
  readonly values: Float64Array
}

/** Stores a matrix in a format, as src/layers/weights.ts describes it; written independently of the loader. bias: [rows]. */
export function packWeight(
  gpu: Gpu,
  format: WeightFormat,
  rows: number,
  cols: number,
  source: Float32Array,
  bias?: Float32Array,
): PackedWeight {
  const { words, scales, values } = pack(format, source)
  const weight: LinearWeight = {
    format,
    rows,
    cols,
    data: upload(gpu, 'u32', [words.length], words),
    scales: scales && upload(gpu, 'f16', [scales.length], scales),
    bias: bias && upload(gpu, 'f32', [rows], bias),
  }
  return { weight, values }
}

interface Packed {
  words: Uint32Array
  scales?: number[]
  values: Float64Array
}

function pack(format: WeightFormat, source: Float32Array): Packed {
  if (format === 'f32') return { words: new Uint32Array(source.buffer), values: Float64Array.from(source) }
  if (format === 'f16') {
    return { words: new Uint32Array(encodeHalves(source).buffer), values: Float64Array.from(source, (v) => fromHalf(toHalf(v))) }
  }
  return packGroups(source, format === 'q8' ? 127 : 7, format === 'q8' ? placeByte : placeNibble)
}

function packGroups(source: Float32Array, most: number, place: (words: Uint32Array, at: number, level: number) => void): Packed {
  const words = new Uint32Array(most === 127 ? source.length / 4 : source.length / 8)
  const values = new Float64Array(source.length)
  const scales: number[] = []
  for (let start = 0; start < source.length; start += 32) {
    const group = source.subarray(start, start + 32)
    const scale = fromHalf(toHalf(group.reduce((largest, v) => Math.max(largest, Math.abs(v)), 0) / most))
    scales.push(scale)
    group.forEach((value, i) => {
      // The lowest level, one below −most, is a legal code too.
      const level = start === 0 && i === 5 ? -most - 1 : Math.max(-most, Math.min(most, Math.round(value / scale)))
      place(words, start + i, level)
      values[start + i] = level * scale
    })
  }
  return { words, scales, values }
}

function placeByte(words: Uint32Array, at: number, level: number): void {
  words[at >> 2] = (words[at >> 2]! | ((level & 0xff) << (8 * (at & 3)))) >>> 0
}

function placeNibble(words: Uint32Array, at: number, level: number): void {
  const column = at & 7
  const nibble = (column & 1) * 4 + (column >> 1)
  words[at >> 3] = (words[at >> 3]! | ((level + 8) << (4 * nibble))) >>> 0
}
