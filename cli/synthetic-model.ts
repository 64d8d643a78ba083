import { createHash } from 'node:crypto'
import type { MadeFile } from './file-server.ts'
import type { ModelShape, ShapeFolder, ShapeTensor } from './shapes/shape.ts'
import { syntheticTokenizer } from './synthetic-tokenizer.ts'
import { elementBytes, type TensorValues, tensorValues, valueBytes } from './synthetic-values.ts'

/** Most bytes of tensors in a file, as repositories on the Hub are cut. */
const SHARD_BYTES = 5e9

/** How files are made. */
export interface SyntheticOptions {
  /** Most bytes of tensors in a file. Default 5 GB. */
  readonly shardBytes?: number
}

/**
 * The files of a repository of this shape with random weights, by their paths. Nothing is kept of them but their headers: bodies are made as
 * they are read, the same ones each time.
 */
export function syntheticModel(shape: ModelShape, { shardBytes = SHARD_BYTES }: SyntheticOptions = {}): Map<string, MadeFile> {
  const files = new Map<string, MadeFile>()
  for (const folder of shape.folders) {
    const at = folder.path === '' ? '' : `${folder.path}/`
    for (const [name, json] of Object.entries(folder.files)) files.set(at + name, jsonFile(json))
    for (const [name, file] of weightFiles(folder, shardBytes)) files.set(at + name, file)
  }
  const { tokenizer, config } = syntheticTokenizer(shape)
  files.set('tokenizer.json', jsonFile(tokenizer))
  files.set('tokenizer_config.json', jsonFile(config))
  return files
}

function jsonFile(json: unknown): MadeFile {
  const bytes = Buffer.from(JSON.stringify(json))
  return { size: bytes.length, type: 'application/json', read: (begin, end) => [bytes.subarray(begin, end)] }
}

/** One file, or shards and their index. */
function weightFiles({ tensors, dtype }: ShapeFolder, shardBytes: number): [string, MadeFile][] {
  const shards = intoShards(tensors, dtype, shardBytes)
  if (shards.length === 1) return [['model.safetensors', safetensorsFile(tensors, dtype)]]
  const number = (n: number): string => String(n).padStart(5, '0')
  const named = shards.map((shard, i) => ({ name: `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`, shard }))
  const weight_map = Object.fromEntries(named.flatMap(({ name, shard }) => shard.map((tensor) => [tensor.name, name])))
  const total_size = tensors.reduce((sum, tensor) => sum + bytesOf(tensor, dtype), 0)
  return [
    ['model.safetensors.index.json', jsonFile({ metadata: { total_size }, weight_map })],
    ...named.map(({ name, shard }): [string, MadeFile] => [name, safetensorsFile(shard, dtype)]),
  ]
}

const bytesOf = ({ shape }: ShapeTensor, dtype: ShapeFolder['dtype']): number =>
  shape.reduce((product, size) => product * size, elementBytes[dtype])

function intoShards(tensors: readonly ShapeTensor[], dtype: ShapeFolder['dtype'], most: number): ShapeTensor[][] {
  const shards: ShapeTensor[][] = [[]]
  let filled = 0
  for (const tensor of tensors) {
    const bytes = bytesOf(tensor, dtype)
    if (filled > 0 && filled + bytes > most) {
      shards.push([])
      filled = 0
    }
    shards.at(-1)?.push(tensor)
    filled += bytes
  }
  return shards
}

/** A stretch of a file: [begin, end), and what stands there. */
interface Stretch {
  readonly begin: number
  readonly end: number
  readonly values: TensorValues
}

function safetensorsFile(tensors: readonly ShapeTensor[], dtype: ShapeFolder['dtype']): MadeFile {
  let at = 0
  const entries = tensors.map((tensor) => {
    const begin = at
    at += bytesOf(tensor, dtype)
    return { tensor, begin, end: at }
  })
  const table = Object.fromEntries(
    entries.map(({ tensor, begin, end }) => [tensor.name, { dtype, shape: tensor.shape, data_offsets: [begin, end] }]),
  )
  const head = headerBytes({ __metadata__: { format: 'pt' }, ...table })
  const stretches = entries.map(
    ({ tensor, begin, end }): Stretch => ({
      begin: head.length + begin,
      end: head.length + end,
      values: tensorValues(tensor, dtype),
    }),
  )
  // Names and shapes decide the values.
  const version = createHash('sha256').update(head).digest('hex').slice(0, 32)
  return { version, size: head.length + at, read: (begin, end) => readFile(head, stretches, begin, end) }
}

/** The header with its length before it, padded to a multiple of eight bytes. */
function headerBytes(table: object): Buffer {
  const text = Buffer.from(JSON.stringify(table))
  const padded = Math.ceil(text.length / 8) * 8
  const bytes = Buffer.alloc(8 + padded, ' ')
  bytes.writeBigUInt64LE(BigInt(padded))
  text.copy(bytes, 8)
  return bytes
}

function* readFile(head: Buffer, stretches: readonly Stretch[], begin: number, end: number): Generator<Uint8Array> {
  if (begin < head.length) yield head.subarray(begin, Math.min(end, head.length))
  for (const stretch of stretches) {
    const from = Math.max(begin, stretch.begin)
    const to = Math.min(end, stretch.end)
    if (from < to) yield* valueBytes(stretch.values, from - stretch.begin, to - stretch.begin)
  }
}
