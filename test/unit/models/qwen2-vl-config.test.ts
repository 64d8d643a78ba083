import { describe, expect, it } from 'vitest'
import { readQwen2VlConfig } from '../../../src/models/qwen2-vl-config.ts'
import { findFamily } from '../../../src/models/registry.ts'

/** Qwen2-VL-2B-Instruct's numbers. */
const TEXT = {
  hidden_size: 1536,
  intermediate_size: 8960,
  num_hidden_layers: 28,
  num_attention_heads: 12,
  num_key_value_heads: 2,
  vocab_size: 151936,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  rope_scaling: { type: 'mrope', mrope_section: [16, 24, 24] },
  max_position_embeddings: 32768,
  eos_token_id: 151645,
}
const VISION = { depth: 32, embed_dim: 1280, num_heads: 16, mlp_ratio: 4, in_chans: 3, hidden_size: 1536, patch_size: 14 }
const TOP = { model_type: 'qwen2_vl', tie_word_embeddings: true, image_token_id: 151655, video_token_id: 151656 }

const read = (config: object, others: object = {}) =>
  readQwen2VlConfig({
    config: { ...config },
    generationConfig: undefined,
    preprocessorConfig: undefined,
    videoPreprocessorConfig: undefined,
    processorConfig: undefined,
    ...others,
  })
const flat = { ...TOP, ...TEXT, vision_config: VISION }

describe('readQwen2VlConfig', () => {
  it('reads the flat layout of the hub and the nested one of newer transformers alike', () => {
    const { rope_theta, rope_scaling, ...rest } = TEXT
    const nested = { ...TOP, vision_config: VISION, text_config: { ...rest, rope_parameters: { rope_theta, ...rope_scaling } } }
    expect(read(nested)).toEqual(read(flat))
    expect(read(flat)).toMatchObject({ headDim: 128, sections: [16, 24, 24], ropeTheta: 1e6, tied: true })
    expect(read(flat).vision).toMatchObject({ headDim: 80, mlp: 5120, patchInputs: 1176, merged: 5120, activation: 'quick-gelu' })
  })

  it('takes pixel limits from either spelling, and the class defaults without a file', () => {
    expect(read(flat).pixels).toMatchObject({ minPixels: 3136, maxPixels: 1003520 })
    const old = { preprocessorConfig: { min_pixels: 784, max_pixels: 2007040 } }
    expect(read(flat, old).pixels).toMatchObject({ minPixels: 784, maxPixels: 2007040 })
    const recent = { preprocessorConfig: { size: { shortest_edge: 784, longest_edge: 2007040 } } }
    expect(read(flat, recent).pixels).toMatchObject({ minPixels: 784, maxPixels: 2007040 })
  })

  it('gives clips limits of their own where there is a file for them', () => {
    const images = { preprocessorConfig: { min_pixels: 784, max_pixels: 200704 } }
    expect(read(flat, images).framePixels).toEqual(read(flat, images).pixels)
    const both = { ...images, videoPreprocessorConfig: { max_pixels: 28224 } }
    expect(read(flat, both).framePixels.maxPixels).toBe(28224)
    expect(read(flat, both).pixels.maxPixels).toBe(200704)
  })

  it('prefers generation_config.json for the end tokens', () => {
    expect(read(flat).endTokens).toEqual([151645])
    expect(read(flat, { generationConfig: { eos_token_id: [151645, 151643] } }).endTokens).toEqual([151645, 151643])
  })

  const FAULTS: [what: string, config: object, message: RegExp][] = [
    ['a missing size', { ...flat, hidden_size: undefined }, /config\.json: hidden_size is missing; it must be a whole number/],
    ['a size that is no number', { ...flat, vocab_size: 'big' }, /vocab_size is "big"/],
    ['a negative count', { ...flat, num_hidden_layers: -1 }, /num_hidden_layers is -1/],
    ['sections that do not add up', { ...flat, rope_scaling: { mrope_section: [16, 24, 25] } }, /must add up to half the head size, 64/],
    ['heads that cannot be shared', { ...flat, num_key_value_heads: 5 }, /12 attention heads cannot share 5/],
    [
      'a tower of another width',
      { ...flat, vision_config: { ...VISION, hidden_size: 3584 } },
      /3584, but the decoder's hidden_size is 1536/,
    ],
    ['an unknown activation', { ...flat, vision_config: { ...VISION, hidden_act: 'relu' } }, /"relu"; supported are quick_gelu/],
  ]
  for (const [what, config, message] of FAULTS) {
    it(`refuses ${what}`, () => {
      expect(() => read(config)).toThrow(message)
    })
  }
})

describe('findFamily', () => {
  it('finds a family by model_type and lists the known ones for an unknown', () => {
    expect(findFamily('qwen2_vl').modelTypes).toEqual(['qwen2_vl'])
    expect(() => findFamily('gpt2')).toThrow(/model_type "gpt2"; supported are: .*qwen2_vl/)
    expect(() => findFamily(undefined)).toThrow(/undefined/)
  })
})
