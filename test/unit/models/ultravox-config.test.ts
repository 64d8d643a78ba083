import { describe, expect, it } from 'vitest'
import { findFamily } from '../../../src/models/registry.ts'
import { readUltravoxConfig, ultravoxParts } from '../../../src/models/ultravox-config.ts'
import { llama3Frequencies } from '../../../src/util/rope-table.ts'

/** Whisper-small's and Llama-3.1-8B's numbers. */
const AUDIO = {
  d_model: 768,
  encoder_layers: 12,
  encoder_attention_heads: 12,
  encoder_ffn_dim: 3072,
  num_mel_bins: 80,
  max_source_positions: 1500,
}
const ROPE = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 }
const TEXT = {
  model_type: 'llama',
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 128256,
  rms_norm_eps: 1e-5,
  rope_theta: 500000,
  rope_scaling: ROPE,
  max_position_embeddings: 131072,
  eos_token_id: [128001, 128008, 128009],
}
const TOP = { model_type: 'ultravox', hidden_size: 4096, stack_factor: 8, audio_config: AUDIO, text_config: TEXT }

const read = (config: object) =>
  readUltravoxConfig({
    config: { ...config },
    generationConfig: undefined,
    preprocessorConfig: undefined,
    videoPreprocessorConfig: undefined,
    processorConfig: undefined,
  })

describe('readUltravoxConfig', () => {
  it('reads version 0.3 on Llama 3.1', () => {
    expect(read(TOP)).toMatchObject({
      hidden: 4096,
      headDim: 128,
      kvHeads: 8,
      ropeTheta: 500000,
      tied: false,
      endTokens: [128001, 128008, 128009],
      stack: 8,
      projector: 4096,
      normInMiddle: false,
      audio: { dim: 768, layers: 12, heads: 12, headDim: 64, mlp: 3072, bands: 80, positions: 1500 },
      rope: { factor: 8, lowFactor: 1, highFactor: 4, originalMax: 8192 },
    })
  })

  it('takes the classes’ defaults for what the files leave out', () => {
    const { rope_scaling: _, rms_norm_eps: __, ...text } = TEXT
    const config = read({ ...TOP, stack_factor: undefined, text_config: text, audio_config: { ...AUDIO, num_mel_bins: undefined } })
    expect(config).toMatchObject({ rope: undefined, rmsNormEps: 1e-6, stack: 8, audio: { bands: 80 } })
  })

  it('knows the later versions’ projector', () => {
    expect(read({ ...TOP, projector_ln_mid: true }).normInMiddle).toBe(true)
  })

  const bad: [what: string, change: object, message: string][] = [
    ['no audio config', { audio_config: undefined }, 'audio_config.d_model is missing'],
    ['layers that are no number', { audio_config: { ...AUDIO, encoder_layers: 'x' } }, 'audio_config.encoder_layers is "x"; it must be'],
    ['heads that do not divide', { audio_config: { ...AUDIO, encoder_attention_heads: 7 } }, 'a head must be a multiple of 4'],
    [
      'an odd number of bands',
      { audio_config: { ...AUDIO, num_mel_bins: 81 } },
      'audio_config.num_mel_bins is 81; it must be a multiple of 4',
    ],
    ['another activation', { audio_config: { ...AUDIO, activation_function: 'relu' } }, 'activation_function is "relu"; supported is gelu'],
    ['another projector', { projector_act: 'gelu' }, 'projector_act is "gelu"; supported is swiglu'],
    ['a projector that cannot be halved', { hidden_size: 12 }, "the projector's width, is 12; it must be a multiple of 8"],
    ['another decoder', { text_config: { ...TEXT, model_type: 'mistral' } }, 'text_config.model_type is "mistral"; supported is llama'],
    [
      'another scaling',
      { text_config: { ...TEXT, rope_scaling: { rope_type: 'yarn' } } },
      'rope_type "yarn"; supported are default and llama3',
    ],
    [
      'a scaling without its factor',
      { text_config: { ...TEXT, rope_scaling: { ...ROPE, factor: undefined } } },
      'rope_scaling.factor is missing',
    ],
    [
      'a scaling upside down',
      { text_config: { ...TEXT, rope_scaling: { ...ROPE, high_freq_factor: 1 } } },
      'it must be above low_freq_factor, 1',
    ],
  ]
  for (const [what, change, message] of bad) {
    it(`refuses ${what}`, () => {
      const reading = (): unknown => read({ ...TOP, ...change })
      expect(reading).toThrow(message)
      expect(reading).toThrow(expect.objectContaining({ name: 'ModelLoadError' }))
    })
  }
})

describe('ultravoxParts', () => {
  it('are Whisper and Llama where config.json names them', () => {
    expect(ultravoxParts({ audio_model_id: 'openai/whisper-small', text_model_id: null })).toEqual([
      { id: 'openai/whisper-small', configKey: 'audio_config', prefix: 'audio_tower.' },
    ])
    expect(ultravoxParts({ text_model_id: 'meta-llama/Meta-Llama-3.1-8B-Instruct' })).toEqual([
      { id: 'meta-llama/Meta-Llama-3.1-8B-Instruct', configKey: 'text_config', prefix: 'language_model.' },
    ])
    expect(ultravoxParts({})).toEqual([])
  })

  it('are found through the registry', () => {
    expect(findFamily('ultravox').kinds).toEqual(['audio'])
  })
})

describe('llama3Frequencies', () => {
  const scaled = (wavelength: number): number => {
    const frequency = (2 * Math.PI) / wavelength
    const rope = { factor: 8, lowFactor: 1, highFactor: 4, originalMax: 8192 }
    return (llama3Frequencies(Float64Array.of(frequency), rope)[0] ?? 0) / frequency
  }

  it('keeps short wavelengths, stretches long ones, and blends between 2048 and 8192', () => {
    expect(scaled(2000)).toBe(1)
    expect(scaled(9000)).toBeCloseTo(1 / 8, 12)
    // 8192 / 4096 = 2, a third of the way from 1 to 4.
    expect(scaled(4096)).toBeCloseTo((2 / 3) * (1 / 8) + 1 / 3, 12)
  })
})
