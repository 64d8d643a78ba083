import type { ResizeFilter } from '../media/pillow-resize.ts'
import { CLIP_PIXELS, type PixelStatistics } from '../media/pixel-levels.ts'
import { modelLoadError } from '../util/errors.ts'
import { CLIP_BASE, CLIP_LARGE_336, type ClipConfig, readClipConfig } from './clip.ts'
import { type ConfigReader, configReader } from './config-reader.ts'
import { type DecoderConfig, LLAMA_DEFAULTS, readDecoderConfig, readEndTokens, ropeOf } from './decoder-config.ts'
import type { ModelFiles } from './family.ts'

/** How pictures become the tower's input, from preprocessor_config.json. */
export interface LlavaPixels extends PixelStatistics {
  /** Pixels of the short side before the middle is cut out. */
  readonly shortSide: number
  readonly filter: ResizeFilter
}

/** Everything the family needs of a checkpoint's JSON files. */
export interface LlavaConfig extends DecoderConfig {
  readonly imageToken: number
  readonly endTokens: readonly number[]
  readonly vision: ClipConfig
  /** The class token goes to the decoder too. */
  readonly keepsClassToken: boolean
  /** Embedding rows of a picture. */
  readonly imageTokens: number
  readonly projectorBias: boolean
  readonly projectorActivation: 'gelu' | 'gelu-tanh' | 'silu'
  readonly pixels: LlavaPixels
}

/** The layer whose output LLaVA-1.5 takes: the one before the last. */
const DEFAULT_FEATURE_LAYER = -2

/** Reads config.json, generation_config.json and preprocessor_config.json. Errors: ModelLoadError. */
export function readLlavaConfig(files: ModelFiles): LlavaConfig {
  const top = configReader('config.json', files.config)
  const text = top.nested('text_config')
  checkDecoder(text)
  const decoder = readDecoderConfig(text, LLAMA_DEFAULTS)
  const layer = top.integer('vision_feature_layer', { fallback: DEFAULT_FEATURE_LAYER, min: Number.MIN_SAFE_INTEGER })
  const vision = readClipConfig(readTower(top), top.has('vision_config') ? CLIP_BASE : CLIP_LARGE_336, layer)
  const keepsClassToken = readStrategy(top)
  return {
    ...decoder,
    tied: top.flag('tie_word_embeddings', decoder.tied),
    imageToken: top.integer('image_token_index', { fallback: top.integer('image_token_id', { fallback: 32000, min: 0 }), min: 0 }),
    endTokens: readEndTokens(files, text, 2),
    vision,
    keepsClassToken,
    imageTokens: vision.patches + (keepsClassToken ? 1 : 0),
    projectorBias: top.flag('multimodal_projector_bias', true),
    projectorActivation: readActivation(top.text('projector_hidden_act', 'gelu')),
    pixels: readPixels(files, vision.imageSize),
  }
}

function checkDecoder(text: ConfigReader): void {
  const type = text.text('model_type', 'llama')
  if (type !== 'llama') throw modelLoadError(`config.json: text_config.model_type is "${type}"; LLaVA is supported with llama only.`)
  if (text.flag('attention_bias', false) || text.flag('mlp_bias', false))
    throw modelLoadError('config.json: text_config has attention_bias or mlp_bias; only decoders without biases are supported.')
  const rope = ropeOf(text)
  const scaling = rope.text('rope_type', rope.text('type', 'default'))
  if (scaling !== 'default')
    throw modelLoadError(`config.json: text_config has rotary positions of type "${scaling}"; supported is default.`)
}

function readTower(top: ConfigReader): ConfigReader {
  const vision = top.nested('vision_config')
  const type = vision.text('model_type', 'clip_vision_model')
  if (type === 'clip_vision_model') return vision
  throw modelLoadError(`config.json: vision_config.model_type is "${type}"; LLaVA is supported with clip_vision_model only.`)
}

/** True if the class token is kept. */
function readStrategy(top: ConfigReader): boolean {
  const strategy = top.text('vision_feature_select_strategy', 'default')
  if (strategy === 'default' || strategy === 'full') return strategy === 'full'
  throw modelLoadError(`config.json: vision_feature_select_strategy is "${strategy}"; supported are default and full.`)
}

function readActivation(name: string): LlavaConfig['projectorActivation'] {
  if (name === 'gelu' || name === 'silu') return name
  if (name === 'gelu_pytorch_tanh' || name === 'gelu_new') return 'gelu-tanh'
  throw modelLoadError(`config.json: projector_hidden_act is "${name}"; supported are gelu, gelu_pytorch_tanh and silu.`)
}

function readPixels(files: ModelFiles, imageSize: number): LlavaPixels {
  const reader = configReader('preprocessor_config.json', files.preprocessorConfig)
  for (const step of ['do_resize', 'do_center_crop', 'do_rescale', 'do_normalize']) {
    if (!reader.flag(step, true)) throw modelLoadError(`preprocessor_config.json: ${step} is false; supported is true.`)
  }
  if (reader.flag('do_pad', false)) throw modelLoadError('preprocessor_config.json: do_pad is true; supported is false.')
  const crop = [
    reader.nested('crop_size').integer('height', { fallback: imageSize }),
    reader.nested('crop_size').integer('width', { fallback: imageSize }),
  ]
  if (crop.some((side) => side !== imageSize)) {
    throw modelLoadError(
      `preprocessor_config.json: crop_size is ${crop.join('×')}; the vision tower takes pictures of ${imageSize}×${imageSize}.`,
    )
  }
  const shortSide = reader.nested('size').integer('shortest_edge', { fallback: imageSize })
  if (shortSide < imageSize)
    throw modelLoadError(`preprocessor_config.json: size.shortest_edge is ${shortSide}; it must be at least crop_size, ${imageSize}.`)
  return {
    shortSide,
    filter: readFilter(reader.integer('resample', { fallback: 3, min: 0 })),
    mean: reader.numbers('image_mean', 3, CLIP_PIXELS.mean),
    std: reader.numbers('image_std', 3, CLIP_PIXELS.std),
  }
}

/** Pillow's numbers for its filters. */
function readFilter(resample: number): ResizeFilter {
  if (resample === 3) return 'bicubic'
  if (resample === 2) return 'bilinear'
  throw modelLoadError(`preprocessor_config.json: resample is ${resample}; supported are 2 (bilinear) and 3 (bicubic).`)
}
