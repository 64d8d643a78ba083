import { describe, expect, it } from 'vitest'
import { fullShapes } from '../../../cli/shapes/all-shapes.ts'
import { qwen2Vl2b } from '../../../cli/shapes/qwen2-vl.ts'
import type { ModelShape } from '../../../cli/shapes/shape.ts'
import { loadWeights } from '../../../src/engine/weight-loader.ts'
import type { Gpu } from '../../../src/gpu/device.ts'
import { recordProgram } from '../../../src/gpu/program.ts'
import { createScratchPool } from '../../../src/gpu/scratch-pool.ts'
import type { Tensor } from '../../../src/gpu/tensor.ts'
import { type Batch, BLOCK_SIZE } from '../../../src/layers/batch.ts'
import type { AnyFamily, PreparedMedia } from '../../../src/models/family.ts'
import { findFamily } from '../../../src/models/registry.ts'
import type { Checkpoint, CheckpointTensor } from '../../../src/weights/checkpoint.ts'
import { recordingGpu } from './recording-gpu.ts'

/** What Chromium allows on most desktop adapters. Not even the buffers are a power of two. */
const LIMITS = { maxBufferSize: 2 ** 31 - 4, maxStorageBufferBindingSize: 2 ** 31 - 4 }

const CONTEXT = 4096
const KV_BLOCKS = CONTEXT / BLOCK_SIZE

/** The parts of a shape as one checkpoint, whose tensors are never read. */
function checkpointOf(shape: ModelShape): Checkpoint {
  const prefixes: Readonly<Record<string, string>> = { 'openai/whisper-small': 'audio_tower.' }
  const tensors = shape.folders.flatMap((folder) => {
    const prefix = folder.path === '' ? '' : (prefixes[folder.path] ?? 'language_model.')
    return folder.tensors.map((tensor): [string, CheckpointTensor] => [
      prefix + tensor.name,
      { dtype: folder.dtype, shape: tensor.shape, begin: 0, end: 0, file: 'model.safetensors' },
    ])
  })
  return { tensors: new Map(tensors), files: [], streamTensors: async () => {} }
}

interface Opened {
  readonly gpu: Gpu
  readonly family: AnyFamily
  readonly config: unknown
  readonly weights: unknown
}

async function open(shape: ModelShape, quantization: 'q4' | 'none' = 'q4'): Promise<Opened> {
  const gpu = recordingGpu(LIMITS)
  const files = shape.folders[0]?.files ?? {}
  const own = files['config.json'] ?? {}
  const parts = Object.fromEntries(
    shape.folders
      .slice(1)
      .map(({ path, files: { 'config.json': part } }) => [path.startsWith('openai/') ? 'audio_config' : 'text_config', part]),
  )
  const config = { ...own, ...parts }
  const family = findFamily(own['model_type'])
  const familyConfig = family.readConfig({
    config,
    generationConfig: files['generation_config.json'],
    preprocessorConfig: files['preprocessor_config.json'],
    videoPreprocessorConfig: undefined,
    processorConfig: undefined,
  })
  const options = { modelType: String(own['model_type']), dtype: 'float16', quantization } as const
  const weights = await loadWeights(gpu, checkpointOf(shape), (reader) => family.readWeights(reader, familyConfig), options)
  return { gpu, family, config: familyConfig, weights }
}

function batchOf(gpu: Gpu, { decoder }: ModelShape, tokens: number, sequences: number): Batch {
  const u32 = (...shape: number[]): Tensor => gpu.allocate('u32', shape, 'state')
  const page = [KV_BLOCKS + 1, decoder.kvHeads, BLOCK_SIZE, decoder.headDim]
  return {
    tokens,
    sequences,
    sampleRows: sequences,
    kvSplits: 32,
    ...{ decode: tokens === sequences },
    tokenIds: u32(tokens),
    positions: gpu.allocate('i32', [3, tokens], 'state'),
    tokenSequence: u32(tokens),
    tokenSlot: u32(tokens),
    blockTable: u32(sequences, KV_BLOCKS),
    tiles: u32(tokens, 4),
    mediaRows: u32(tokens),
    media: gpu.allocate('f32', [2 * CONTEXT, decoder.hidden], 'media'),
    sampleIndex: u32(sequences),
    kv: Array.from({ length: decoder.layers }, () => ({ k: gpu.allocate('f16', page, 'keys'), v: gpu.allocate('f16', page, 'values') })),
  }
}

function tablesOf(gpu: Gpu, family: AnyFamily, config: unknown): Record<string, Tensor> {
  const tables = Object.entries(family.tables(config, CONTEXT))
  return Object.fromEntries(tables.map(([name, { shape }]) => [name, gpu.allocate('f32', shape, name)]))
}

function mediaOf(shape: ModelShape, family: AnyFamily, config: unknown): PreparedMedia {
  if (shape.media === 'audio')
    return family.prepareAudio?.(config, { channels: [new Float32Array(30 * 16000)], rate: 16000 }, {})?.[0] as PreparedMedia
  const side = 1344
  return family.prepareImage(config, { data: new Uint8Array(3 * side * side), width: side, height: side }, {})
}

describe('full-size shapes on an adapter that binds 2 GiB at once', () => {
  for (const shape of fullShapes) {
    it(`${shape.name}: its tensors are those that the family reads, and every step fits`, async () => {
      const plain = await open(shape, 'none')
      const { gpu, family, config, weights } = await open(shape)
      expect(gpu.counters.bytes).toBeLessThan(0.6 * plain.gpu.counters.bytes)
      expect(family.decoder(config)).toEqual(
        expect.objectContaining({ layers: shape.decoder.layers, hidden: shape.decoder.hidden, vocabulary: shape.decoder.vocabulary }),
      )
      const tables = tablesOf(gpu, family, config)
      const pool = createScratchPool(gpu)
      for (const [tokens, sequences] of [
        [1, 1],
        [16, 16],
        [512, 1],
        [8192, 4],
      ] as const) {
        const batch = batchOf(gpu, shape, tokens, sequences)
        const program = await recordProgram(gpu, pool, (step) => family.forward(step, weights, config, batch, tables))
        expect(program.dispatchCount).toBeGreaterThan(4 * shape.decoder.layers)
      }
    })

    it(`${shape.name}: the encoder takes ${shape.media === 'audio' ? '30 seconds' : 'a picture of 1344×1344'} in memory that is linear in its length`, async () => {
      const { gpu, family, config, weights } = await open(shape)
      const media = mediaOf(shape, family, config)
      const inputs = Object.fromEntries(
        Object.entries(media.inputs).map(([name, array]) => [
          name,
          gpu.allocate(array.data instanceof Float32Array ? 'f32' : 'u32', array.shape, name),
        ]),
      )
      const pool = createScratchPool(gpu)
      await recordProgram(gpu, pool, (step) => family.encode(step, weights, config, media.kind, media.grid, inputs))
      // Scores of one head over Qwen2-VL's 9216 patches alone would take 340 MB.
      const rows = Math.max(...Object.values(inputs).map(({ shape: [count = 0] }) => count))
      expect(pool.bytes / rows).toBeLessThan(16 * 4 * 5120)
    })
  }

  it('qwen2vl_2b: the largest picture that its preprocessor allows fits, with more patches than a dispatch has workgroups on an axis', async () => {
    const { gpu, family, config, weights } = await open(qwen2Vl2b)
    const grid = [1, 256, 256]
    const f32 = (cols: number): Tensor => gpu.allocate('f32', [256 * 256, cols], 'input')
    const inputs = { patches: f32(1176), cos: f32(40), sin: f32(40) }
    const pool = createScratchPool(gpu)
    const program = await recordProgram(gpu, pool, (step) => family.encode(step, weights, config, 'image', grid, inputs))
    expect(program.dispatchCount).toBeGreaterThan(32 * 6)
  })
})
