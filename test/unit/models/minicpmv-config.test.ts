import { describe, expect, it } from 'vitest'
import { readMinicpmvConfig } from '../../../src/models/minicpmv-config.ts'
import { findFamily } from '../../../src/models/registry.ts'

/** MiniCPM-V-2_6's numbers. */
const CONFIG = {
  model_type: 'minicpmv',
  version: 2.6,
  hidden_size: 3584,
  intermediate_size: 18944,
  num_hidden_layers: 28,
  num_attention_heads: 28,
  num_key_value_heads: 4,
  vocab_size: 151666,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  max_position_embeddings: 32768,
  tie_word_embeddings: false,
  eos_token_id: 151645,
  query_num: 64,
  image_size: 448,
  patch_size: 14,
  drop_vision_last_layer: false,
  slice_config: { max_slice_nums: 9, scale_resolution: 448, patch_size: 14 },
}
const VISION = {
  hidden_size: 1152,
  intermediate_size: 4304,
  num_hidden_layers: 27,
  num_attention_heads: 16,
  image_size: 980,
  patch_size: 14,
}

const read = (changes: object = {}, vision: object = {}, preprocessorConfig: Record<string, unknown> | undefined = undefined) =>
  readMinicpmvConfig({
    config: { ...CONFIG, ...changes, vision_config: { ...VISION, ...vision } },
    generationConfig: undefined,
    preprocessorConfig,
    videoPreprocessorConfig: undefined,
    processorConfig: undefined,
  })

describe('readMinicpmvConfig', () => {
  it('reads the released model’s sizes', () => {
    expect(read()).toMatchObject({ headDim: 128, kvHeads: 4, qkvBias: true, tied: false, ropeTheta: 1e6, endTokens: [151645] })
    expect(read().vision).toEqual({
      layers: 27,
      dim: 1152,
      heads: 16,
      headDim: 72,
      mlp: 4304,
      patchSize: 14,
      tableSide: 70,
      epsilon: 1e-6,
      activation: 'gelu-tanh',
      unusedLayers: 0,
    })
    expect(read().resampler).toEqual({ queries: 64, inputs: 1152, hidden: 3584, heads: 28, headDim: 128 })
    expect(read()).toMatchObject({ slicing: { resolution: 448, maxSlices: 9, patchSize: 14 }, useImageId: true, mean: [0.5, 0.5, 0.5] })
  })

  it('lets preprocessor_config.json decide how pictures are cut', () => {
    const own = { max_slice_nums: 4, scale_resolution: 336, use_image_id: false, norm_mean: [0.1, 0.2, 0.3] }
    expect(read({}, {}, own)).toMatchObject({ slicing: { resolution: 336, maxSlices: 4 }, useImageId: false, mean: [0.1, 0.2, 0.3] })
    expect(read({}, {}, { slice_mode: false }).slicing.maxSlices).toBe(1)
    expect(read({ slice_config: undefined }).slicing).toEqual({ resolution: 448, maxSlices: 9, patchSize: 14 })
  })

  it('leaves out the vision tower’s last layer where the config says so', () => {
    expect(read({ drop_vision_last_layer: true }).vision).toMatchObject({ layers: 26, unusedLayers: 1 })
  })

  it.each<[what: string, changes: object, vision: object, message: string]>([
    ['an older version', { version: '2.5' }, {}, 'version is "2.5"; of model_type minicpmv only 2.6 is supported'],
    ['no version', { version: undefined }, {}, 'version is missing'],
    ['no hidden size', { hidden_size: undefined }, {}, 'hidden_size is missing; it must be a whole number'],
    ['no vision sizes', {}, { hidden_size: undefined }, 'vision_config.hidden_size is missing'],
    ['a width without whole resampler heads', { hidden_size: 1344 }, {}, 'hidden_size is 1344; the resampler needs a multiple of 128'],
    ['uneven vision heads', {}, { num_attention_heads: 5 }, 'must be a multiple of 4 times num_attention_heads (5)'],
    ['vision heads that are too large', {}, { num_attention_heads: 8 }, 'heads of 144'],
    ['another activation', {}, { hidden_act: 'relu' }, 'hidden_act is "relu"'],
    ['patches of two sizes', {}, { patch_size: 16 }, "patch_size is 14, but the vision tower's is 16"],
    ['queries that are no number', { query_num: 'many' }, {}, 'query_num is "many"'],
    ['a layer count of zero', {}, { num_hidden_layers: 0 }, 'vision_config.num_hidden_layers is 0'],
  ])('refuses %s', (_, changes, vision, message) => {
    expect(() => read(changes, vision)).toThrow(message)
  })

  it('is found by its model_type', () => {
    expect(findFamily('minicpmv').kinds).toEqual(['image', 'video'])
  })
})
