import { modelLoadError } from '../util/errors.ts'
import { type ConfigReader, configReader } from './config-reader.ts'
import type { ModelFiles } from './family.ts'

/** The vision tower's numbers. */
export interface VisionConfig {
  readonly depth: number
  readonly dim: number
  readonly heads: number
  readonly headDim: number
  readonly mlp: number
  readonly patchSize: number
  readonly mergeSize: number
  readonly temporalPatchSize: number
  /** Values of one flattened patch: channels · temporal · patch². */
  readonly patchInputs: number
  /** Width of mergeSize² patches side by side. */
  readonly merged: number
  /** Width of the merger's output, the decoder's hidden size. */
  readonly outDim: number
  readonly activation: 'quick-gelu' | 'gelu' | 'silu'
}

/** How pictures become patches, from preprocessor_config.json. */
export interface PixelConfig {
  /** Pixels of the resized picture, at least. */
  readonly minPixels: number
  readonly maxPixels: number
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** Everything the family needs of a checkpoint's JSON files. */
export interface Qwen2VlConfig {
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly intermediate: number
  readonly vocabulary: number
  readonly rmsNormEps: number
  readonly ropeTheta: number
  /** Frequencies that follow the temporal, height and width stream; they add up to headDim / 2. */
  readonly sections: readonly [number, number, number]
  readonly maxPositions: number
  readonly tied: boolean
  readonly imageToken: number
  readonly videoToken: number
  readonly endTokens: readonly number[]
  readonly vision: VisionConfig
  readonly pixels: PixelConfig
  /** The same for a clip's frames: video_preprocessor_config.json where there is one, as newer transformers write it. */
  readonly framePixels: PixelConfig
}

/** More than any model has: each layer's tensors are named before one of them is looked for. */
const MAX_LAYERS = 1000

/** OpenAI CLIP's channel means and deviations, the family's default. */
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
const CLIP_STD = [0.26862954, 0.26130258, 0.27577711]

/** Defaults of the processor class when a repository has no preprocessor_config.json: 4 and 1280 tokens. */
const DEFAULT_MIN_PIXELS = 56 * 56
const DEFAULT_MAX_PIXELS = 28 * 28 * 1280

/**
 * Reads config.json (text fields at the top level as on the hub, or under text_config as newer transformers write them),
 * generation_config.json and preprocessor_config.json.
 */
export function readQwen2VlConfig(files: ModelFiles): Qwen2VlConfig {
  const top = configReader('config.json', files.config)
  const text = top.has('text_config') ? top.nested('text_config') : top
  const hidden = text.integer('hidden_size')
  const heads = text.integer('num_attention_heads')
  const kvHeads = text.integer('num_key_value_heads', { fallback: heads })
  const headDim = text.integer('head_dim', { fallback: hidden / heads })
  if (heads % kvHeads !== 0) throw modelLoadError(`config.json: ${heads} attention heads cannot share ${kvHeads} key-value heads evenly.`)
  const rope = text.has('rope_parameters') ? text.nested('rope_parameters') : text.nested('rope_scaling')
  const pixels = readPixelConfig('preprocessor_config.json', files.preprocessorConfig)
  return {
    hidden,
    heads,
    kvHeads,
    headDim,
    layers: text.integer('num_hidden_layers', { max: MAX_LAYERS }),
    intermediate: text.integer('intermediate_size'),
    vocabulary: text.integer('vocab_size'),
    rmsNormEps: text.positive('rms_norm_eps', 1e-6),
    ropeTheta: text.has('rope_theta') ? text.positive('rope_theta') : rope.positive('rope_theta', 1e6),
    sections: readSections(rope, headDim),
    maxPositions: text.integer('max_position_embeddings', { fallback: 32768 }),
    tied: top.flag('tie_word_embeddings', text.flag('tie_word_embeddings', false)),
    imageToken: top.integer('image_token_id', { fallback: 151655 }),
    videoToken: top.integer('video_token_id', { fallback: 151656 }),
    endTokens: readEndTokens(files, text),
    vision: readVisionConfig(top.nested('vision_config'), hidden),
    pixels,
    framePixels: files.videoPreprocessorConfig ? readPixelConfig('video_preprocessor_config.json', files.videoPreprocessorConfig) : pixels,
  }
}

function readSections(rope: ConfigReader, headDim: number): readonly [number, number, number] {
  const [t = 0, h = 0, w = 0] = rope.integers('mrope_section', { length: 3 })
  if (t + h + w !== headDim / 2) {
    throw modelLoadError(`config.json: mrope_section [${t}, ${h}, ${w}] must add up to half the head size, ${headDim / 2}.`)
  }
  return [t, h, w]
}

function readEndTokens(files: ModelFiles, text: ConfigReader): readonly number[] {
  const source =
    files.generationConfig?.['eos_token_id'] === undefined ? text : configReader('generation_config.json', files.generationConfig)
  const given = files.generationConfig?.['eos_token_id'] ?? files.config['eos_token_id']
  return Array.isArray(given) ? source.integers('eos_token_id') : [source.integer('eos_token_id', { min: 0 })]
}

function readVisionConfig(vision: ConfigReader, hidden: number): VisionConfig {
  const dim = vision.integer('embed_dim')
  const heads = vision.integer('num_heads')
  const patchSize = vision.integer('patch_size', { fallback: 14 })
  const mergeSize = vision.integer('spatial_merge_size', { fallback: 2 })
  const temporalPatchSize = vision.integer('temporal_patch_size', { fallback: 2 })
  const outDim = vision.integer('hidden_size', { fallback: hidden })
  if (outDim !== hidden)
    throw modelLoadError(`config.json: vision_config.hidden_size is ${outDim}, but the decoder's hidden_size is ${hidden}.`)
  if (dim % (heads * 4) !== 0)
    throw modelLoadError(`config.json: vision_config.embed_dim ${dim} must be a multiple of 4 times num_heads (${heads}).`)
  return {
    dim,
    heads,
    patchSize,
    mergeSize,
    temporalPatchSize,
    outDim,
    depth: vision.integer('depth', { max: MAX_LAYERS }),
    headDim: dim / heads,
    mlp: dim * vision.positive('mlp_ratio', 4),
    patchInputs:
      vision.integer('in_channels', { fallback: vision.integer('in_chans', { fallback: 3 }) }) * temporalPatchSize * patchSize ** 2,
    merged: dim * mergeSize ** 2,
    activation: readActivation(vision.text('hidden_act', 'quick_gelu')),
  }
}

function readActivation(name: string): VisionConfig['activation'] {
  if (name === 'quick_gelu') return 'quick-gelu'
  if (name === 'gelu' || name === 'silu') return name
  throw modelLoadError(`config.json: vision_config.hidden_act is "${name}"; supported are quick_gelu, gelu and silu.`)
}

function readPixelConfig(file: string, json: ModelFiles['preprocessorConfig']): PixelConfig {
  const reader = configReader(file, json)
  const size = reader.nested('size')
  return {
    minPixels: reader.integer('min_pixels', { fallback: size.integer('shortest_edge', { fallback: DEFAULT_MIN_PIXELS }) }),
    maxPixels: reader.integer('max_pixels', { fallback: size.integer('longest_edge', { fallback: DEFAULT_MAX_PIXELS }) }),
    mean: reader.numbers('image_mean', 3, CLIP_MEAN),
    std: reader.numbers('image_std', 3, CLIP_STD),
  }
}
