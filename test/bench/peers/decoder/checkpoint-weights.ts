import { readFile } from 'node:fs/promises'
import { readSafetensorsHeader, type SafetensorsHeader } from '../../../../src/weights/safetensors.ts'
import type { TensorBytes } from '../formats/onnx.ts'
import { type DecoderWeights, type Matrix, Q4_GROUP } from './decoder-graph.ts'

/** The tensors behind a name of DecoderWeights, without their layer; several are stacked by rows. */
const TENSORS: Readonly<Record<string, readonly string[]>> = {
  embed: ['embed_tokens.weight'],
  head: ['embed_tokens.weight'],
  norm: ['norm.weight'],
  qkv: ['self_attn.q_proj.weight', 'self_attn.k_proj.weight', 'self_attn.v_proj.weight'],
  qkv_bias: ['self_attn.q_proj.bias', 'self_attn.k_proj.bias', 'self_attn.v_proj.bias'],
  o: ['self_attn.o_proj.weight'],
  gate: ['mlp.gate_proj.weight'],
  up: ['mlp.up_proj.weight'],
  down: ['mlp.down_proj.weight'],
  input_norm: ['input_layernorm.weight'],
  post_norm: ['post_attention_layernorm.weight'],
}

/** The weights of a Qwen2-like checkpoint in one file of bfloat16, whose head is its embedding: as f32, or matrices in 8 or 4 bits. */
export class CheckpointWeights implements DecoderWeights {
  readonly #bytes: Uint8Array
  readonly #header: SafetensorsHeader
  readonly #kind: Matrix['kind']

  private constructor(bytes: Uint8Array, header: SafetensorsHeader, kind: Matrix['kind']) {
    this.#bytes = bytes
    this.#header = header
    this.#kind = kind
  }

  /** Errors: the file's, by name. */
  static async read(file: string, kind: Matrix['kind']): Promise<CheckpointWeights> {
    // A copy: slices of Node's buffers are views of them.
    const bytes = new Uint8Array(await readFile(file))
    const read = async (begin: number, end: number): Promise<Uint8Array> => bytes.subarray(begin, end)
    return new CheckpointWeights(bytes, await readSafetensorsHeader({ name: file, size: bytes.length, read }), kind)
  }

  matrix(name: string, rows: number, columns: number): Matrix {
    const values = this.#values(name, rows * columns)
    if (this.#kind !== 'q4') {
      const turned = transposed(values, rows, columns)
      if (this.#kind === 'float') return { kind: 'float', values: asBytes(turned) }
      const scale = turned.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127
      const codes = Int8Array.from(turned, (value) => Math.round(value / scale))
      return { kind: 'q8', values: new Uint8Array(codes.buffer), scale: asBytes(Float32Array.of(scale)) }
    }
    const { codes, scales } = quantized(values)
    return { kind: 'q4', codes, scales: asBytes(scales) }
  }

  // A table stays in floats: converters leave embeddings as they are.
  table(name: string, rows: number, columns: number): Matrix {
    return { kind: 'float', values: asBytes(this.#values(name, rows * columns)) }
  }

  vector(name: string, length: number): TensorBytes {
    return asBytes(this.#values(name, length))
  }

  #values(name: string, length: number): Float32Array {
    const [, layer = '', part = ''] = /^(layers\.\d+\.)?(\w+)$/.exec(name) ?? []
    const pieces = (TENSORS[part] ?? []).map((tensor) => this.#tensor(`model.${layer}${tensor}`))
    const values = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
    if (values.length !== length) throw new Error(`${name} has ${values.length} values in the checkpoint, not ${length}`)
    let at = 0
    for (const piece of pieces) {
      values.set(piece, at)
      at += piece.length
    }
    return values
  }

  #tensor(name: string): Float32Array {
    const entry = this.#header.tensors.get(name)
    if (entry?.dtype !== 'BF16') throw new Error(`${name} is ${entry?.dtype ?? 'not there'}; the export takes BF16 tensors`)
    const halves = new Uint16Array(this.#bytes.slice(entry.begin, entry.end).buffer)
    // A bfloat16 is the upper half of an f32.
    return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer)
  }
}

const asBytes = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength)

function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(values.length)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) turned[column * rows + row] = values[row * columns + column] ?? 0
  return turned
}

/** MatMulNBits' 4 bits: the value of largest magnitude of 32 gets code 0 (−8 steps); two codes a byte, the first in the lower half. */
export function quantized(values: Float32Array): { codes: Uint8Array; scales: Float32Array } {
  const codes = new Uint8Array(values.length / 2)
  const scales = new Float32Array(values.length / Q4_GROUP)
  for (let group = 0; group < scales.length; group++) {
    const members = values.subarray(group * Q4_GROUP, (group + 1) * Q4_GROUP)
    const largest = members.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0)
    const scale = largest / -8
    scales[group] = scale
    members.forEach((value, i) => {
      const code = scale === 0 ? 8 : Math.min(15, Math.max(0, Math.round(value / scale) + 8))
      const at = (group * Q4_GROUP + i) >> 1
      codes[at] = (codes[at] ?? 0) | (code << (4 * (i & 1)))
    })
  }
  return { codes, scales }
}
