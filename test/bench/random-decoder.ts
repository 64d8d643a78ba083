import type { Gpu } from '../../src/gpu/device.ts'
import type { Step } from '../../src/gpu/step.ts'
import type { Tensor } from '../../src/gpu/tensor.ts'
import type { Batch } from '../../src/layers/batch.ts'
import type { DecodeModel } from '../../src/layers/decode-step.ts'
import type { LinearWeight } from '../../src/layers/weights.ts'
import { encodeHalves } from '../../src/util/half.ts'
import { upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'
import type { WeightPool } from './bench-gpu.ts'
import { BITS, type DecoderShape } from './shapes.ts'

/** Bytes of a weight. */
export const bytesOf = ({ rows, cols, format }: LinearWeight): number => (rows * cols * BITS[format]) / 8

/** A decoder with random weights. */
export function randomModel(gpu: Gpu, pool: WeightPool, s: DecoderShape): DecodeModel {
  const norm = upload(gpu, 'f32', [s.hidden], randomFloats(1, s.hidden, 0.5, 1.5))
  return {
    embedding: pool.take('q8', s.vocabulary, s.hidden),
    layers: Array.from({ length: s.layers }, () => ({
      ...{ inputNorm: norm, postNorm: norm },
      qkv: pool.take('q4', (s.heads + 2 * s.kvHeads) * s.headDim, s.hidden),
      o: pool.take('q4', s.hidden, s.heads * s.headDim),
      gateUp: pool.take('q4', 2 * s.intermediate, s.hidden),
      down: pool.take('q4', s.hidden, s.intermediate),
    })),
    norm,
    head: pool.take('q8', s.vocabulary, s.hidden),
  }
}

/** Sequences of `context` tokens in the cache and one more, with random keys and values. */
export function randomBatch(gpu: Gpu, s: DecoderShape, tokens: number, context: number, kvSplits: number): Batch {
  const blocksEach = Math.ceil((context + 1) / 16)
  const pages = [tokens * blocksEach, s.kvHeads, 16, s.headDim]
  const u32 = (values: number[]): Tensor => upload(gpu, 'u32', [values.length], values)
  const each = (value: (i: number) => number): number[] => Array.from({ length: tokens }, (_, i) => value(i))
  const random = randomFloats(3, 2 ** 20)
  const kv = Array.from({ length: s.layers }, () => {
    const page = () => gpu.allocate('f16', pages, 'pages')
    const layer = { k: page(), v: page() }
    for (const tensor of [layer.k, layer.v]) {
      const bytes = new Uint8Array(encodeHalves(random.subarray(0, Math.min(random.length, tensor.storage.bytes / 2))).buffer)
      gpu.write(tensor.storage.buffer as GPUBuffer, 0, bytes)
    }
    return layer
  })
  return {
    ...{ tokens, sequences: tokens, sampleRows: tokens, decode: true, kvSplits, kv },
    tokenIds: u32(each((i) => 5 + i)),
    positions: upload(gpu, 'i32', [3, tokens], Array(3 * tokens).fill(context)),
    tokenSequence: u32(each((i) => i)),
    tokenSlot: u32(each(() => context)),
    blockTable: upload(
      gpu,
      'u32',
      [tokens, blocksEach],
      Array.from({ length: tokens * blocksEach }, (_, i) => i),
    ),
    tiles: upload(
      gpu,
      'u32',
      [tokens, 4],
      each((i) => i).flatMap((i) => [i, 1, i, context]),
    ),
    mediaRows: u32(each(() => 0xffffffff)),
    media: gpu.allocate('f32', [1, s.hidden], 'media'),
    sampleIndex: u32(each((i) => i)),
  }
}

/** Frees a batch's keys and values. */
export const freeBatch = (gpu: Gpu, { kv }: Batch): void => {
  for (const { k, v } of kv) for (const { storage } of [k, v]) if (storage.buffer) gpu.destroyBuffer(storage.buffer)
}

/** The same step with other abilities. */
export const withAbilities = (step: Step, abilities: Partial<Step['abilities']>): Step => ({
  ...{ software: false, none: step.none, abilities: { ...step.abilities, ...abilities } },
  scratch: (dtype, shape) => step.scratch(dtype, shape),
  constant: (data, shape) => step.constant(data, shape),
  dispatch: (kernel, call) => step.dispatch(kernel, call),
})
