import { modelLoadError } from '../util/errors.ts'
import type { Llama3Rope } from '../util/rope-table.ts'
import { type ConfigReader, configReader } from './config-reader.ts'
import { type DecoderConfig, LLAMA_DEFAULTS, readDecoderConfig, readEndTokens, ropeOf } from './decoder-config.ts'
import type { ModelFiles, ModelPart } from './family.ts'
import { readWhisperConfig, type WhisperConfig } from './whisper-encoder.ts'

/** Everything the family needs of a checkpoint's JSON files. */
export interface UltravoxConfig extends DecoderConfig {
  readonly endTokens: readonly number[]
  /** How rotary frequencies are stretched; undefined: not at all. */
  readonly rope: Llama3Rope | undefined
  readonly audio: WhisperConfig
  /** Rows of the audio encoder that become one embedding. */
  readonly stack: number
  /** Width of the projector's first layer, half of which are gates. */
  readonly projector: number
  /** The projector's second norm stands before its second layer (versions from 0.5 on), not after it. */
  readonly normInMiddle: boolean
}

/** The parts that config.json names by Hub id or folder: Whisper and Llama. */
export function ultravoxParts(config: Readonly<Record<string, unknown>>): readonly ModelPart[] {
  const top = configReader('config.json', config)
  const parts = [
    { idKey: 'audio_model_id', configKey: 'audio_config', prefix: 'audio_tower.' },
    { idKey: 'text_model_id', configKey: 'text_config', prefix: 'language_model.' },
  ]
  return parts.flatMap(({ idKey, ...part }) => {
    const id = top.text(idKey, '')
    return id === '' ? [] : [{ ...part, id }]
  })
}

/** Reads config.json, with audio_config and text_config in it, and generation_config.json. Errors: ModelLoadError. */
export function readUltravoxConfig(files: ModelFiles): UltravoxConfig {
  const top = configReader('config.json', files.config)
  const text = top.nested('text_config')
  const kind = text.text('model_type', 'llama')
  if (kind !== 'llama') throw modelLoadError(`config.json: text_config.model_type is "${kind}"; supported is llama.`)
  const act = top.text('projector_act', 'swiglu')
  if (act !== 'swiglu') throw modelLoadError(`config.json: projector_act is "${act}"; supported is swiglu.`)
  const projector = top.integer('hidden_size', { fallback: 4096 })
  if (projector % 8 !== 0)
    throw modelLoadError(`config.json: hidden_size, the projector's width, is ${projector}; it must be a multiple of 8.`)
  return {
    ...readDecoderConfig(text, LLAMA_DEFAULTS),
    endTokens: readEndTokens(files, text),
    rope: readRope(ropeOf(text)),
    audio: readWhisperConfig(top.nested('audio_config')),
    stack: top.integer('stack_factor', { fallback: 8, max: 64 }),
    projector,
    normInMiddle: top.flag('projector_ln_mid', false),
  }
}

function readRope(rope: ConfigReader): Llama3Rope | undefined {
  const type = rope.text('rope_type', rope.text('type', 'default'))
  if (type === 'default') return undefined
  if (type !== 'llama3') throw modelLoadError(`config.json: text_config has rope_type "${type}"; supported are default and llama3.`)
  const scaling = {
    factor: rope.positive('factor'),
    lowFactor: rope.positive('low_freq_factor', 1),
    highFactor: rope.positive('high_freq_factor', 4),
    originalMax: rope.integer('original_max_position_embeddings'),
  }
  if (scaling.highFactor <= scaling.lowFactor) {
    throw modelLoadError(
      `config.json: text_config has high_freq_factor ${scaling.highFactor}; it must be above low_freq_factor, ${scaling.lowFactor}.`,
    )
  }
  return scaling
}
