import { modelLoadError } from '../util/errors.ts'
import { type ConfigReader, configReader } from './config-reader.ts'
import type { ModelFiles } from './family.ts'

/** The numbers of a Llama-style decoder. */
export interface DecoderConfig {
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly intermediate: number
  readonly vocabulary: number
  readonly rmsNormEps: number
  readonly ropeTheta: number
  /** Frequencies that follow the temporal, height and width stream; they add up to headDim / 2. [headDim / 2, 0, 0]: one stream. */
  readonly sections: readonly [number, number, number]
  readonly maxPositions: number
  /** The head is the embedding. */
  readonly tied: boolean
  /** q, k and v have biases. */
  readonly qkvBias: boolean
  /** q, k, v are one tensor `qkv_proj`, gate and up one `gate_up_proj`, as in Phi-3. */
  readonly fused: boolean
}

/** What a class of models takes for keys that a config.json leaves out. A key without a default must be there. */
export interface DecoderDefaults {
  readonly hidden?: number
  readonly layers?: number
  readonly heads?: number
  readonly intermediate?: number
  readonly vocabulary?: number
  readonly rmsNormEps?: number
  readonly ropeTheta?: number
  readonly maxPositions?: number
  readonly tied?: boolean
}

/** What transformers' LlamaConfig has by default: files on the Hub leave out what equals it. */
export const LLAMA_DEFAULTS: DecoderDefaults = {
  hidden: 4096,
  layers: 32,
  heads: 32,
  intermediate: 11008,
  vocabulary: 32000,
  rmsNormEps: 1e-6,
  ropeTheta: 10000,
  maxPositions: 2048,
}

/** What a family says of its decoder beyond the numbers in the file. */
export interface DecoderTraits {
  readonly qkvBias?: boolean
  readonly fused?: boolean
}

/** More than any model has: each layer's tensors are named before one of them is looked for. */
export const MAX_LAYERS = 1000

const whole = (fallback: number | undefined): { fallback?: number } => (fallback === undefined ? {} : { fallback })

/**
 * Reads a decoder's numbers. text: where they stand (config.json itself or its text_config); rotary base and, unless the family says
 * otherwise afterwards, one stream of positions. Errors: ModelLoadError.
 */
export function readDecoderConfig(text: ConfigReader, defaults: DecoderDefaults = {}, traits: DecoderTraits = {}): DecoderConfig {
  const hidden = text.integer('hidden_size', whole(defaults.hidden))
  const heads = text.integer('num_attention_heads', whole(defaults.heads))
  const kvHeads = text.integer('num_key_value_heads', { fallback: heads })
  const headDim = text.integer('head_dim', { fallback: hidden / heads })
  if (heads % kvHeads !== 0) throw modelLoadError(`config.json: ${heads} attention heads cannot share ${kvHeads} key-value heads evenly.`)
  if (headDim % 4 !== 0 || headDim > 128) {
    throw modelLoadError(`config.json: ${heads} attention heads of ${headDim} values each; a head must be a multiple of 4 of at most 128.`)
  }
  const { rmsNormEps = 1e-6, ropeTheta = 10000 } = defaults
  return {
    hidden,
    heads,
    kvHeads,
    headDim,
    layers: text.integer('num_hidden_layers', { ...whole(defaults.layers), max: MAX_LAYERS }),
    intermediate: text.integer('intermediate_size', whole(defaults.intermediate)),
    vocabulary: text.integer('vocab_size', whole(defaults.vocabulary)),
    rmsNormEps: text.positive('rms_norm_eps', rmsNormEps),
    ropeTheta: text.has('rope_theta') ? text.positive('rope_theta') : ropeOf(text).positive('rope_theta', ropeTheta),
    sections: [headDim / 2, 0, 0],
    maxPositions: text.integer('max_position_embeddings', whole(defaults.maxPositions)),
    tied: text.flag('tie_word_embeddings', defaults.tied ?? false),
    qkvBias: traits.qkvBias ?? false,
    fused: traits.fused ?? false,
  }
}

/** Rotary settings: `rope_parameters` as newer transformers versions write them, else `rope_scaling`. */
export const ropeOf = (text: ConfigReader): ConfigReader =>
  text.has('rope_parameters') ? text.nested('rope_parameters') : text.nested('rope_scaling')

/**
 * Ids that end a sequence: generation_config.json's, else config.json's at its top level, else those in `text` (the decoder's part of it),
 * else `fallback`.
 */
export function readEndTokens(files: ModelFiles, text: ConfigReader, fallback?: number): readonly number[] {
  const places = [configReader('generation_config.json', files.generationConfig), configReader('config.json', files.config), text]
  const place = places.find((candidate) => candidate.has('eos_token_id'))
  if (!place) return [text.integer('eos_token_id', { min: 0, ...whole(fallback) })]
  return place.isList('eos_token_id') ? place.integers('eos_token_id') : [place.integer('eos_token_id', { min: 0 })]
}
