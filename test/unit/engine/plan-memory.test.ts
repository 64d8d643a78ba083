import { describe, expect, it } from 'vitest'
import { type CheckedOptions, resolveConfig } from '../../../src/engine/config.ts'
import { checkMemory, memoryNeeds, memoryRefused } from '../../../src/engine/plan-memory.ts'
import { planWeights, type WeightOptions } from '../../../src/engine/weight-loader.ts'
import type { Gpu } from '../../../src/gpu/device.ts'
import type { WeightReader } from '../../../src/layers/weights.ts'
import type { QuantizationOption } from '../../../src/protocol/engine-api.ts'
import type { Checkpoint } from '../../../src/weights/checkpoint.ts'
import { fakeGpu } from './fake-gpu.ts'

const shape = { layers: 28, kvHeads: 2, headDim: 128, hidden: 1536, vocabulary: 151_936, maxPositions: 32_768 }
const LAYER = { 'mlp.weight': [8960, 1536], 'embed.weight': [151_936, 1536], 'vision.weight': [1280, 5120] } as const

/** The headers of a checkpoint that holds nothing else. */
const checkpoint: Checkpoint = {
  tensors: new Map(
    Object.entries(LAYER).map(([name, [rows, cols]]) => [
      name,
      { dtype: 'BF16', shape: [rows, cols], begin: 0, end: 2 * rows * cols, file: 'model.safetensors' },
    ]),
  ),
  files: [{ name: 'model.safetensors', size: 2 ** 32 }],
  streamTensors: () => Promise.reject(new Error('weights were asked for')),
}

const declare = (reader: WeightReader) => ({
  mlp: reader.linear({ name: 'mlp', rows: 8960 }, 1536, { role: 'layer' }),
  embed: reader.linear({ name: 'embed', rows: 151_936 }, 1536, { role: 'table' }),
  vision: reader.linear({ name: 'vision', rows: 1280 }, 5120, { role: 'encoder' }),
})

/** Plans the model for an adapter of these limits, as far as the check of its memory. */
function plan(bytes: number, quantization: QuantizationOption, dtype: 'float16' | 'float32' = 'float16') {
  const gpu = {
    ...fakeGpu(),
    software: false,
    abilities: { matrices: false },
    device: { limits: { maxBufferSize: 2 * bytes, maxStorageBufferBindingSize: bytes } },
  } as unknown as Gpu
  const options: WeightOptions = { modelType: 'test', dtype, quantization, bindable: bytes }
  const planned = (each: QuantizationOption) => planWeights(gpu, checkpoint, declare, { ...options, quantization: each })
  const weights = planned(quantization)
  const checked = { model: 'my/model', task: 'generate', dtype, quantization, max_model_len: 1024, max_num_seqs: 1 } as CheckedOptions
  const config = resolveConfig(checked, { name: 'my/model', shape: shape as never, parameters: 1e9 }, gpu)
  const needs = memoryNeeds(config, shape as never, weights, planned)
  return { needs, weights, check: () => checkMemory(needs, gpu) }
}

describe('the memory a model needs', () => {
  it('is known before any weight is read', () => {
    const { needs, weights, check } = plan(2 ** 31, 'none')
    check()
    expect(weights.bytes).toBe(2 * (8960 * 1536 + 151_936 * 1536 + 1280 * 5120))
    expect(weights.largest).toEqual({ name: 'embed', bytes: 2 * 151_936 * 1536 })
    expect(needs.kvCache).toBe(28 * 2 * 65 * 16 * 2 * 128 * 2)
    expect(needs.media).toBe(2048 * 1536 * 4)
  })

  it.each<[QuantizationOption, number, string]>([
    ['none', 2 ** 31, 'f16'],
    ['none', 400e6, 'q8'],
    ['none', 200e6, 'q4'],
    ['q4', 2 ** 31, 'q8'],
    ['q4', 200e6, 'q4'],
    ['q8', 200e6, 'q4'],
  ])('has a table of quantization %s stored so that %i bytes a buffer hold it: %s', (quantization, bytes, format) => {
    const { weights, check } = plan(bytes, quantization)
    expect(weights.weights.embed.format).toBe(format)
    check()
  })

  it('is refused with what would fit when a matrix is larger than a buffer may be', () => {
    const { check } = plan(1e8, 'none', 'float32')
    expect(check).toThrow(
      /^my\/model needs \d\.\d GB of GPU memory at float32 \(weights 1\.0 GB, KV cache \d\.\d+ GB, encoded media 0\.013 GB\), of which 'embed' takes 0\.9 GB in one buffer, but this adapter allows 0\.1 GB a buffer; use a smaller model\.$/,
    )
  })

  it('names the quantization that fits', () => {
    const small: Checkpoint = { ...checkpoint, tensors: new Map([...checkpoint.tensors].filter(([name]) => name === 'mlp.weight')) }
    const one = (reader: WeightReader) => reader.linear({ name: 'mlp', rows: 8960 }, 1536, { role: 'layer' })
    const gpu = { ...fakeGpu(), device: { limits: { maxBufferSize: 20e6, maxStorageBufferBindingSize: 20e6 } } } as unknown as Gpu
    const at = (quantization: QuantizationOption) => planWeights(gpu, small, one, { modelType: 'test', dtype: 'float16', quantization })
    const { needs } = plan(2 ** 31, 'none')
    const order = ['q8', 'q4'] as const
    const own = { ...needs, weights: at('none'), coarser: () => order.map((quantization) => ({ quantization, weights: at(quantization) })) }
    expect(() => checkMemory(own, gpu)).toThrow(
      /'mlp' takes 0\.028 GB in one buffer, but this adapter allows 0\.020 GB a buffer; load it with quantization: 'q8', which needs 0\.\d+ GB\.$/,
    )
  })

  it('is told when the GPU refuses it', () => {
    const { needs } = plan(2 ** 31, 'none')
    expect(memoryRefused(needs, 'no room').message).toMatch(
      /^my\/model needs \d\.\d GB of GPU memory at float16 .* more than this GPU has free \(no room\); load it with quantization: 'q4', which needs 0\.\d GB, or a smaller max_model_len\.$/,
    )
    const { needs: least } = plan(2 ** 31, 'q4')
    expect(memoryRefused(least, 'no room').message).toMatch(/at q4 .*; use a smaller model, or a smaller max_model_len\.$/)
  })
})
