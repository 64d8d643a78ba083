import type { WireTensor } from '../protocol/media.ts'
import { fromHalf } from '../util/half.ts'

/** Readers of one element, little-endian, and its bytes. Whole numbers above 2^24 are rounded, which no grid reaches. */
const types: Readonly<Record<string, readonly [bytes: number, read: (view: DataView, at: number) => number]>> = {
  F32: [4, (view, at) => view.getFloat32(at, true)],
  F64: [8, (view, at) => view.getFloat64(at, true)],
  F16: [2, (view, at) => fromHalf(view.getUint16(at, true))],
  BF16: [2, (view, at) => floatOfBits(view.getUint16(at, true) << 16)],
  I32: [4, (view, at) => view.getInt32(at, true)],
  I64: [8, (view, at) => Number(view.getBigInt64(at, true))],
  I16: [2, (view, at) => view.getInt16(at, true)],
  U8: [1, (view, at) => view.getUint8(at)],
}

const cell = new DataView(new ArrayBuffer(4))
function floatOfBits(bits: number): number {
  cell.setInt32(0, bits)
  return cell.getFloat32(0)
}

/** Element types that tensors on the wire may have, by safetensors' names. */
export const tensorTypes: readonly string[] = Object.keys(types)

/** Most axes of a tensor. */
const MAX_AXES = 8

/** Where a tensor's elements lie: the first, and from one to the next along each axis, in elements. Default: one after another. */
export interface Layout {
  readonly offset: number
  readonly strides: readonly number[]
}

/** The elements as f32, in row-major order. Errors: RangeError with words for a user when they do not lie inside the bytes. */
export function readTensor(bytes: Uint8Array, type: string, shape: readonly number[], layout?: Layout): WireTensor {
  const [size, read] = types[type] ?? []
  if (!size || !read) throw new RangeError(`has elements of type ${type}; allowed are ${tensorTypes.join(', ')}`)
  if (shape.length > MAX_AXES) throw new RangeError(`has ${shape.length} axes; at most ${MAX_AXES} are allowed`)
  const count = shape.reduce((product, length) => product * length, 1)
  const held = Math.floor(bytes.length / size)
  if (!layout && count * size !== bytes.length)
    throw new RangeError(`has ${bytes.length} bytes, but shape [${shape}] of ${type} takes ${count * size}`)
  if (count > held) throw new RangeError(`has ${held} values, but shape [${shape}] needs ${count}`)
  const { offset, strides } = layout ?? { offset: 0, strides: rowMajor(shape) }
  const last = shape.reduce((sum, length, i) => sum + Math.max(0, length - 1) * (strides[i] ?? 0), offset)
  if (strides.length !== shape.length || strides.some((stride) => stride < 0) || (count > 0 && last >= held))
    throw new RangeError(`has strides [${strides}] that leave its ${held} values`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const data = new Float32Array(count)
  const place = shape.map(() => 0)
  let at = offset
  for (let i = 0; i < count; i++) {
    data[i] = read(view, at * size)
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = strides[axis] as number
      at += stride
      if ((place[axis] = (place[axis] as number) + 1) < (shape[axis] as number)) break
      at -= stride * (shape[axis] as number)
      place[axis] = 0
    }
  }
  return { data, shape: [...shape] }
}

const rowMajor = (shape: readonly number[]): number[] =>
  shape.map((_, i) => shape.slice(i + 1).reduce((product, size) => product * size, 1))
