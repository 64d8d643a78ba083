import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readPhi3VConfig } from '../../../src/models/phi3-v-config.ts'
import { findFamily } from '../../../src/models/registry.ts'

const TINY = JSON.parse(readFileSync(new URL('../../goldens/phi3_v/checkpoint/config.json', import.meta.url), 'utf8'))

/** Phi-3.5-vision-instruct's numbers, with made-up factors. */
const RELEASED = {
  ...TINY,
  hidden_size: 3072,
  intermediate_size: 8192,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 32,
  vocab_size: 32064,
  max_position_embeddings: 131072,
  original_max_position_embeddings: 4096,
  rope_scaling: { type: 'su', short_factor: Array(48).fill(1.1), long_factor: Array(48).fill(8) },
  img_processor: {
    image_dim_out: 1024,
    model_name: 'openai/clip-vit-large-patch14-336',
    name: 'clip_vision_model',
    num_img_tokens: 144,
  },
}

const read = (config: object, others: object = {}) =>
  readPhi3VConfig({
    config: { ...config },
    generationConfig: undefined,
    preprocessorConfig: undefined,
    videoPreprocessorConfig: undefined,
    processorConfig: undefined,
    ...others,
  })

describe('readPhi3VConfig', () => {
  it('knows the tower that the released files only name', () => {
    const { vision, cropRows, headDim, sections, fused, crops } = read(RELEASED)
    expect(vision).toMatchObject({ dim: 1024, heads: 16, runs: 23, depth: 24, patches: 576, imageSize: 336, activation: 'quick-gelu' })
    expect({ cropRows, headDim, sections, fused }).toEqual({ cropRows: 12, headDim: 96, sections: [48, 0, 0], fused: true })
    expect(crops).toEqual({ usual: 4, most: 64 })
  })

  it('reads the sizes of a small tower, the crops and the order', () => {
    const config = read(TINY, { preprocessorConfig: { num_crops: 16, image_mean: [0.5, 0.5, 0.5] } })
    expect(config.vision).toMatchObject({ dim: 128, heads: 2, runs: 2, patches: 16 })
    expect([config.crops.usual, config.order, config.pixels.mean]).toEqual([16, 'sub_glb', [0.5, 0.5, 0.5]])
    expect(read({ ...TINY, embd_layer: { hd_transform_order: 'glb_sub' } }).order).toBe('glb_sub')
  })

  it('reads both names of the position scaling, and both places of the original context', () => {
    const { original_max_position_embeddings, ...rest } = TINY
    const inside = { ...rest, rope_scaling: { ...TINY.rope_scaling, type: 'longrope', original_max_position_embeddings } }
    expect(read(inside).rope).toEqual(read(TINY).rope)
    expect(read(TINY).rope).toMatchObject({ originalMax: 128, extendedMax: 4096 })
  })

  it('prefers generation_config.json for the end tokens', () => {
    expect(read(TINY).endTokens).toEqual([2])
    expect(read(TINY, { generationConfig: { eos_token_id: [624, 620] } }).endTokens).toEqual([624, 620])
  })

  const FAULTS: [what: string, changes: object, message: RegExp][] = [
    ['a missing size', { hidden_size: undefined }, /hidden_size is missing; it must be a whole number/],
    ['no position scaling', { rope_scaling: undefined }, /rope_scaling\.short_factor is missing; it must be 12 numbers/],
    ['another scaling', { rope_scaling: { type: 'yarn' } }, /rope_scaling\.type is "yarn"; supported are su and longrope/],
    ['too few factors', { rope_scaling: { ...TINY.rope_scaling, long_factor: [1, 2] } }, /long_factor is \[1,2\]; it must be 12 numbers/],
    [
      'a factor of zero',
      { rope_scaling: { ...TINY.rope_scaling, short_factor: [...TINY.rope_scaling.short_factor.slice(1), 0] } },
      /short_factor has 0; factors must be above zero/,
    ],
    ['no original context', { original_max_position_embeddings: undefined }, /original_max_position_embeddings is missing/],
    ['another tower', { img_processor: { name: 'siglip' } }, /img_processor\.name is "siglip"; only "clip_vision_model"/],
    ['a tower of another width', { img_processor: { image_dim_out: 768 } }, /image_dim_out is 768, but the vision tower gives 1024/],
    ['another number of rows', { img_processor: { num_img_tokens: 100 } }, /num_img_tokens is 100, but the vision tower gives 144/],
    [
      'an odd number of patches',
      { img_processor: { vision_config: { ...TINY.img_processor.vision_config, image_size: 42 } } },
      /3 patches a side; it must be an even number/,
    ],
    ['another projection', { embd_layer: { projection_cls: 'linear' } }, /projection_cls is "linear"; only "mlp"/],
    ['no separators', { embd_layer: { with_learnable_separator: false } }, /with_learnable_separator is false; only true/],
    ['another order', { embd_layer: { hd_transform_order: 'mixed' } }, /hd_transform_order is "mixed"; supported are sub_glb and glb_sub/],
  ]
  for (const [what, changes, message] of FAULTS) {
    it(`refuses ${what}`, () => {
      expect(() => read({ ...TINY, ...changes })).toThrow(message)
    })
  }

  it('refuses a number of crops that makes no sense', () => {
    expect(() => read(TINY, { preprocessorConfig: { num_crops: 0 } })).toThrow(/preprocessor_config\.json: num_crops is 0/)
  })

  it('is found by its model_type', () => {
    expect(findFamily('phi3_v').kinds).toEqual(['image', 'video'])
  })
})
