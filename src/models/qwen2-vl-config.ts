import { CLIP_PIXELS } from '../media/pixel-levels.ts'
import { modelLoadError } from '../util/errors.ts'
import { type ConfigReader, configReader } from './config-reader.ts'
import { type DecoderConfig, MAX_LAYERS, readDecoderConfig, readEndTokens, ropeOf } from './decoder-config.ts'
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
export interface Qwen2VlConfig extends DecoderConfig {
  readonly imageToken: number
  readonly videoToken: number
  readonly endTokens: readonly number[]
  readonly vision: VisionConfig
  readonly pixels: PixelConfig
  /** The same for a clip's frames: video_preprocessor_config.json where there is one, as newer transformers write it. */
  readonly framePixels: PixelConfig
}

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
  const decoder = readDecoderConfig(text, { ropeTheta: 1e6, maxPositions: 32768 }, { qkvBias: true })
  const pixels = readPixelConfig('preprocessor_config.json', files.preprocessorConfig)
  return {
    ...decoder,
    sections: readSections(ropeOf(text), decoder.headDim),
    tied: top.flag('tie_word_embeddings', decoder.tied),
    imageToken: top.integer('image_token_id', { fallback: 151655 }),
    videoToken: top.integer('video_token_id', { fallback: 151656 }),
    endTokens: readEndTokens(files, text),
    vision: readVisionConfig(top.nested('vision_config'), decoder.hidden),
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
    mean: reader.numbers('image_mean', 3, CLIP_PIXELS.mean),
    std: reader.numbers('image_std', 3, CLIP_PIXELS.std),
  }
}
