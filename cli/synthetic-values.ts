import { createHash } from 'node:crypto'
import type { Fill, ShapeFolder, ShapeTensor } from './shapes/shape.ts'

/** Values in a block, a prime: rows of a tensor begin at different places of it, so that no two rows of a vocabulary are alike. */
const BLOCK = 1_048_573

/** Bytes of an element. */
export const elementBytes: Readonly<Record<ShapeFolder['dtype'], number>> = { BF16: 2, F16: 2, F32: 4 }

/** Bytes of a block that values of a tensor repeat, and where in it the tensor begins. */
export interface TensorValues {
  readonly block: Buffer
  readonly start: number
}

const blocks = new Map<string, Buffer>()

/** The values of a tensor: the same for the same name, type and shape, on every machine. */
export function tensorValues({ name, shape, fill }: ShapeTensor, dtype: ShapeFolder['dtype']): TensorValues {
  const { mean, deviation } = spread(fill, shape)
  const key = `${dtype} ${mean} ${deviation}`
  let block = blocks.get(key)
  if (!block) {
    block = encode(dtype, mean, deviation)
    blocks.set(key, block)
  }
  const place = createHash('sha256').update(name).digest().readUInt32LE(0) % BLOCK
  return { block, start: place * elementBytes[dtype] }
}

/** The bytes [begin, end) of a tensor, in pieces that share memory with its block. */
export function* valueBytes({ block, start }: TensorValues, begin: number, end: number): Generator<Buffer> {
  for (let at = begin; at < end; ) {
    const from = (start + at) % block.length
    const piece = block.subarray(from, from + Math.min(end - at, block.length - from))
    yield piece
    at += piece.length
  }
}

function spread(fill: Fill, shape: readonly number[]): { mean: number; deviation: number } {
  const [, ...inner] = shape
  const summed = inner.reduce((product, size) => product * size, 1)
  if (fill === 'norm') return { mean: 1, deviation: 0.05 }
  if (fill === 'bias') return { mean: 0, deviation: 0.02 }
  return { mean: 0, deviation: (fill === 'vocabulary' ? 2 : 1) / Math.sqrt(summed) }
}

function encode(dtype: ShapeFolder['dtype'], mean: number, deviation: number): Buffer {
  const unit = gaussians()
  const values = new Float32Array(BLOCK)
  for (let i = 0; i < BLOCK; i++) values[i] = mean + deviation * (unit[i] as number)
  if (dtype === 'F32') return Buffer.from(values.buffer)
  const bits = new Uint32Array(values.buffer)
  const halves = new Uint16Array(BLOCK)
  const narrow = dtype === 'BF16' ? bfloatOf : halfOf
  for (let i = 0; i < BLOCK; i++) halves[i] = narrow(bits[i] as number)
  return Buffer.from(halves.buffer)
}

/** The upper half of a float's bits, rounded. */
const bfloatOf = (bits: number): number => ((bits + 0x8000) >>> 16) & 0xffff

/** The half of a float's bits, cut; values under the smallest normal half become zero, larger ones than a half holds do not occur. */
function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const exponent = ((bits >>> 23) & 0xff) - 112
  return exponent <= 0 ? sign : sign | (exponent << 10) | ((bits >>> 13) & 0x3ff)
}

let unit: Float32Array | undefined

/** Normally distributed values, made once. */
function gaussians(): Float32Array {
  if (unit) return unit
  unit = new Float32Array(BLOCK)
  let state = 0x9e3779b9
  const uniform = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return ((state >>> 0) + 0.5) / 2 ** 32
  }
  for (let i = 0; i < BLOCK; i++) unit[i] = Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
  return unit
}
