import { encodeHalves } from '../../../../src/util/half.ts'
import type { TensorBytes } from '../formats/onnx.ts'
import { type DecoderWeights, type Matrix, Q4_GROUP } from './decoder-graph.ts'

/** A file beside a model, in memory. */
export interface DataFile {
  readonly path: string
  readonly data: Uint8Array<ArrayBuffer>
}

/** Tensors begin at one of so many places of their file, so that no two layers are alike. */
const PLACES = 4096
/** Bytes between places. */
const STEP = 64

/** Standard deviation of randomCodes' values: those from −7 to 7 are equally likely, 0 twice as much. */
const CODE_DEVIATION = Math.sqrt((2 * (1 + 4 + 9 + 16 + 25 + 36 + 49)) / 16)

/** What codes are multiplied by: products keep the size of what they multiply; logits spread twice as far, like a trained model's. */
export const codeScale = (columns: number, vocabulary: boolean): number => (vocabulary ? 2 : 1) / (CODE_DEVIATION * Math.sqrt(columns))

/** A stretch of one of the files. */
interface Stretch {
  readonly file: string
  readonly offset: number
  readonly length: number
}

/**
 * Random 4-bit weights whose products keep the size of what they multiply. Tensors share the bytes of a few files, which are made when all
 * tensors are known: the GPU still holds and reads every tensor for itself.
 */
export class RandomWeights implements DecoderWeights {
  readonly #type: 'float32' | 'float16'
  readonly #tables: Matrix['kind']
  readonly #lengths = new Map<string, number>()

  /** tables: how rows to be picked are kept; onnxruntime's CPU provider picks floats only. */
  constructor(type: 'float32' | 'float16', tables: Matrix['kind'] = 'q4') {
    this.#type = type
    this.#tables = tables
  }

  matrix(name: string, rows: number, columns: number): Matrix {
    const scale = codeScale(columns, name === 'embed' || name === 'head')
    return {
      kind: 'q4',
      codes: this.#stretch('codes', name, (rows * columns) / 2),
      scales: this.#stretch(`scales ${scale}`, name, (rows * columns * this.#elementBytes) / Q4_GROUP),
    }
  }

  table(name: string, rows: number, columns: number): Matrix {
    if (this.#tables === 'q4') return this.matrix(name, rows, columns)
    return { kind: 'float', values: this.#stretch(`floats ${codeScale(columns, true)}`, name, rows * columns * this.#elementBytes) }
  }

  vector(name: string, length: number): TensorBytes {
    const [mean, spread] = name.endsWith('norm') ? [1, 0.1] : [0, 0.04]
    return bytesOf(this.#type, evenly(length, hash(name), mean, spread))
  }

  /** The files that all tensors so far refer to; the same ones for the same tensors, on every machine. */
  files(): DataFile[] {
    return [...this.#lengths].map(([path, length]) => {
      const [kind, scale] = path.split(' ')
      if (kind === 'codes') return { path, data: randomCodes(length) }
      // Scales are near one another; floats have the deviation that codes times scales would have.
      const [mean, spread] = kind === 'scales' ? [Number(scale), Number(scale) / 2] : [0, Number(scale) * 16]
      return { path, data: bytesOf(this.#type, evenly(length / this.#elementBytes, 1, mean, spread)) }
    })
  }

  get #elementBytes(): number {
    return this.#type === 'float16' ? 2 : 4
  }

  #stretch(file: string, name: string, length: number): Stretch {
    const offset = (hash(name) % PLACES) * STEP
    this.#lengths.set(file, Math.max(this.#lengths.get(file) ?? 0, Math.ceil((offset + length) / 4) * 4))
    return { file, offset, length }
  }
}

const bytesOf = (type: 'float32' | 'float16', values: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(type === 'float16' ? encodeHalves(values).buffer : values.buffer)

/** Values spread evenly about a mean. */
function evenly(length: number, seed: number, mean: number, spread: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(length)
  const next = randomWords(seed)
  for (let i = 0; i < length; i++) values[i] = mean + spread * (next() / 2 ** 32 - 0.5)
  return values
}

/**
 * Random 4-bit codes, two a byte, that stand for themselves less 8. There is no code 0: with it their mean were not zero, and every product
 * would add the same to all of its rows, more from layer to layer. length: bytes, a multiple of 4.
 */
export function randomCodes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(length / 4)
  const next = randomWords(seed)
  for (let i = 0; i < words.length; i++) {
    const word = next()
    const ones = (word | (word >>> 1) | (word >>> 2) | (word >>> 3)) & 0x11111111
    words[i] = word | ((~ones & 0x11111111) << 3)
  }
  return new Uint8Array(words.buffer)
}

/** Numbers in 0…2³²−1 from xorshift32. */
export function randomWords(seed: number): () => number {
  let state = seed >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

/** A number that belongs to a name (FNV-1a). */
export function hash(name: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < name.length; i++) value = Math.imul(value ^ name.charCodeAt(i), 0x01000193)
  return value >>> 0
}
