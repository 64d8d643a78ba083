import { describe, expect, it } from 'vitest'
import { readLlavaConfig } from '../../../src/models/llava-config.ts'
import { findFamily } from '../../../src/models/registry.ts'

/** llava-1.5-7b-hf's files, which leave out what equals a default. */
const TEXT = { model_type: 'llama', max_position_embeddings: 4096, rms_norm_eps: 1e-5, vocab_size: 32064 }
const VISION = {
  model_type: 'clip_vision_model',
  hidden_size: 1024,
  intermediate_size: 4096,
  num_hidden_layers: 24,
  num_attention_heads: 16,
  image_size: 336,
  patch_size: 14,
  projection_dim: 768,
}
const TOP = {
  model_type: 'llava',
  image_token_index: 32000,
  projector_hidden_act: 'gelu',
  vision_feature_layer: -2,
  vision_feature_select_strategy: 'default',
  text_config: TEXT,
  vision_config: VISION,
}
const PIXELS = { crop_size: { height: 336, width: 336 }, size: { shortest_edge: 336 }, resample: 3, do_center_crop: true }

const read = (config: object, others: object = {}) =>
  readLlavaConfig({
    config: { ...config },
    generationConfig: undefined,
    preprocessorConfig: PIXELS,
    videoPreprocessorConfig: undefined,
    processorConfig: undefined,
    ...others,
  })

describe('readLlavaConfig', () => {
  it('takes what the file leaves out from the defaults of Llama and CLIP', () => {
    expect(read(TOP)).toMatchObject({
      hidden: 4096,
      layers: 32,
      heads: 32,
      kvHeads: 32,
      headDim: 128,
      intermediate: 11008,
      vocabulary: 32064,
      ropeTheta: 10000,
      rmsNormEps: 1e-5,
      sections: [64, 0, 0],
      maxPositions: 4096,
      tied: false,
      qkvBias: false,
      imageToken: 32000,
      endTokens: [2],
      imageTokens: 576,
      keepsClassToken: false,
      projectorActivation: 'gelu',
    })
    expect(read(TOP).vision).toMatchObject({ dim: 1024, headDim: 64, depth: 24, runs: 23, patches: 576, activation: 'quick-gelu' })
    expect(read(TOP).pixels).toMatchObject({ shortSide: 336, filter: 'bicubic' })
  })

  it('has LLaVA-1.5’s tower where no tower is described, and CLIP’s base one where it is in part', () => {
    const { vision_config: _, ...rest } = TOP
    expect(read(rest).vision).toEqual(read(TOP).vision)
    const base = { hidden_size: 768, num_attention_heads: 12, image_size: 336, patch_size: 16 }
    expect(read({ ...TOP, vision_config: base }).vision).toMatchObject({ depth: 12, mlp: 3072, patches: 441 })
  })

  it('counts the wanted layer from either end, and keeps the class token where asked', () => {
    expect(read({ ...TOP, vision_feature_layer: -1 }).vision.runs).toBe(24)
    expect(read({ ...TOP, vision_feature_layer: 5 }).vision.runs).toBe(5)
    expect(read({ ...TOP, vision_feature_select_strategy: 'full' })).toMatchObject({ imageTokens: 577, keepsClassToken: true })
  })

  it('reads what newer transformers versions write', () => {
    const { image_token_index, ...rest } = TOP
    const text = { ...TEXT, rope_parameters: { rope_type: 'default', rope_theta: 5000 } }
    expect(read({ ...rest, image_token_id: 7, text_config: text })).toMatchObject({ imageToken: 7, ropeTheta: 5000 })
    expect(read(TOP, { generationConfig: { eos_token_id: [2, 9] } }).endTokens).toEqual([2, 9])
    expect(image_token_index).toBe(32000)
  })

  const FAULTS: [what: string, config: object, others: object, message: RegExp][] = [
    ['another decoder', { ...TOP, text_config: { model_type: 'mistral' } }, {}, /text_config\.model_type is "mistral"/],
    ['another tower', { ...TOP, vision_config: { model_type: 'siglip_vision_model' } }, {}, /is "siglip_vision_model"/],
    ['biases', { ...TOP, text_config: { ...TEXT, attention_bias: true } }, {}, /only decoders without biases/],
    [
      'stretched positions',
      { ...TOP, text_config: { ...TEXT, rope_scaling: { type: 'linear', factor: 2 } } },
      {},
      /rotary positions of type "linear"/,
    ],
    [
      'several feature layers',
      { ...TOP, vision_feature_layer: [-2, -5] },
      {},
      /vision_feature_layer is \[-2,-5\]; it must be a whole number/,
    ],
    ['a layer that is not there', { ...TOP, vision_feature_layer: -26 }, {}, /layer -26 is wanted, but it has 24/],
    ['another strategy', { ...TOP, vision_feature_select_strategy: 'some' }, {}, /"some"; supported are default and full/],
    ['another activation', { ...TOP, projector_hidden_act: 'relu' }, {}, /projector_hidden_act is "relu"/],
    ['a size that is no number', { ...TOP, text_config: { ...TEXT, vocab_size: 'big' } }, {}, /text_config\.vocab_size is "big"/],
    ['patches that do not fit', { ...TOP, vision_config: { ...VISION, patch_size: 15 } }, {}, /336 is no multiple of its patch_size 15/],
    ['heads that do not fit', { ...TOP, vision_config: { ...VISION, num_attention_heads: 15 } }, {}, /15 heads over 1024 values/],
    ['a crop of another size', TOP, { preprocessorConfig: { crop_size: { height: 224, width: 224 } } }, /takes pictures of 336×336/],
    ['another filter', TOP, { preprocessorConfig: { resample: 1 } }, /resample is 1; supported are 2/],
    ['pictures without a crop', TOP, { preprocessorConfig: { do_center_crop: false } }, /do_center_crop is false/],
    ['padding', TOP, { preprocessorConfig: { do_pad: true } }, /do_pad is true/],
  ]
  for (const [what, config, others, message] of FAULTS) {
    it(`refuses ${what}`, () => {
      expect(() => read(config, others)).toThrow(message)
    })
  }

  it('belongs to model_type llava', () => {
    expect(findFamily('llava').kinds).toEqual(['image', 'video'])
  })
})
