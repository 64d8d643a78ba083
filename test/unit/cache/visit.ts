import { createHash } from 'node:crypto'
import type { CheckedOptions } from '../../../src/engine/config.ts'
import { openModel } from '../../../src/engine/model-access.ts'
import { loadWeights } from '../../../src/engine/weight-loader.ts'
import type { Tensor } from '../../../src/gpu/tensor.ts'
import type { WeightReader } from '../../../src/layers/weights.ts'
import { openCheckpoint } from '../../../src/weights/checkpoint.ts'
import { randomFloats } from '../../support/random.ts'
import { bytesIn, fakeGpu } from '../engine/fake-gpu.ts'
import { type FakeFile, type FakeServer, type Fault, fakeServer } from '../weights/fake-server.ts'
import { withHeader } from '../weights/make-safetensors.ts'
import type { FakeDisk } from './fake-disk.ts'

/** What a visit came to: the texts, and SHA-256 of the bytes of each tensor on the GPU. */
export interface Loaded {
  readonly weights: readonly string[]
  readonly texts: readonly string[]
  readonly progress: readonly (readonly [file: string, loaded: number, total: number, cached: boolean])[]
  readonly warnings: readonly string[]
}

/** A server with a model in two shards; `seed` makes other weights of the same sizes. */
export function modelServer(options: { seed?: number; etag?: string; fault?: Fault; chunk?: number } = {}): FakeServer {
  const { seed = 1, etag = `"v${seed}"`, fault, chunk = 997 } = options
  return fakeServer(modelFiles(seed, etag), fault, chunk)
}

/** The files of that model by URL path. */
export function modelFiles(seed = 1, etag: string | undefined = `"v${seed}"`): Record<string, FakeFile> {
  const json = (value: unknown): FakeFile => ({ bytes: new TextEncoder().encode(JSON.stringify(value)), etag, type: 'application/json' })
  const weight_map = { 'a.weight': 'one.safetensors', 'norm.weight': 'one.safetensors', 'b.weight': 'two.safetensors' }
  return {
    '/m/config.json': json({ size: 64 }),
    '/m/tokenizer.json': json({ vocab: ['é', 'x'] }),
    '/m/model.safetensors.index.json': json({ weight_map }),
    '/m/one.safetensors': { bytes: shard({ 'a.weight': [96, 64], 'norm.weight': [64] }, seed), etag },
    '/m/two.safetensors': { bytes: shard({ 'b.weight': [33, 64] }, seed + 100), etag },
  }
}

const shards = new Map<number, Uint8Array<ArrayBuffer>>()

function shard(shapes: Record<string, number[]>, seed: number): Uint8Array<ArrayBuffer> {
  const made = shards.get(seed) ?? makeShard(shapes, seed)
  shards.set(seed, made)
  return made
}

function makeShard(shapes: Record<string, number[]>, seed: number): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = {}
  let end = 0
  for (const [name, shape] of Object.entries(shapes)) {
    const bytes = 4 * shape.reduce((a, b) => a * b, 1)
    header[name] = { dtype: 'F32', shape, data_offsets: [end, end + bytes] }
    end += bytes
  }
  return withHeader(header, new Uint8Array(randomFloats(seed, end / 4).buffer))
}

const declare = (reader: WeightReader): Tensor[] => {
  const a = reader.linear({ name: 'a', rows: 96 }, 64, { role: 'layer' })
  const b = reader.linear({ name: 'b', rows: 33 }, 64, { role: 'encoder' })
  return [a.data, a.scales as Tensor, b.data, reader.tensor('norm.weight', [64])]
}

/** How a visit differs from the usual. */
export interface VisitOptions {
  readonly options?: Partial<CheckedOptions>
  readonly signal?: AbortSignal
  readonly location?: CheckedOptions['model']
}

/** Loads the model as the engine does, to a GPU in memory, with blocks of 2 kB. */
export async function visit(disk: FakeDisk | undefined, server: FakeServer, visitOptions: VisitOptions = {}): Promise<Loaded> {
  const { signal = new AbortController().signal } = visitOptions
  const options: CheckedOptions = {
    ...{ model: visitOptions.location ?? 'https://host.test/m', task: 'generate', dtype: 'float16', quantization: 'q4' },
    ...visitOptions.options,
  }
  const environment = { fetch: server.fetch, wait: server.wait, ...(disk && { cacheRoot: disk.root }) }
  const { source, keeping, save } = await openModel(options, signal, environment)
  const warnings: string[] = []
  const progress: [string, number, number, boolean][] = []
  const texts = await Promise.all(['config.json', 'tokenizer.json'].map((path) => source.text(path)))
  if (await source.exists('chat_template.jinja')) texts.push(await source.text('chat_template.jinja'))
  const checkpoint = await openCheckpoint(source, signal)
  const tensors = await loadWeights(fakeGpu(), checkpoint, declare, {
    ...{ modelType: 'test', dtype: 'float16', quantization: options.quantization, signal, chunkBytes: 1024, blockBytes: 2048 },
    keeping: keeping && { ...keeping, model: source.name, recipe: options.quantization, warn: (why) => warnings.push(why) },
    onProgress: (...event) => progress.push(event),
  })
  await save()
  return { weights: tensors.map((tensor) => createHash('sha256').update(bytesIn(tensor)).digest('hex')), texts, progress, warnings }
}
