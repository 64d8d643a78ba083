import { CLIP_PIXELS, type PixelStatistics } from '../media/pixel-levels.ts'
import { modelLoadError } from '../util/errors.ts'
import type { LongRope } from '../util/rope-table.ts'
import { CLIP_LARGE_336, type ClipConfig, readClipConfig } from './clip.ts'
import { type ConfigReader, configReader } from './config-reader.ts'
import { type DecoderConfig, readDecoderConfig, readEndTokens, ropeOf } from './decoder-config.ts'
import type { ModelFiles } from './family.ts'

/** Patches a side that become one embedding row. */
const MERGE = 2

/** Four times what the model card recommends; their pixels take 260 MB while they are prepared. */
const MOST_CROPS = 64

/** Everything the family needs of a checkpoint's JSON files. */
export interface Phi3VConfig extends DecoderConfig {
  readonly rope: LongRope
  readonly endTokens: readonly number[]
  readonly vision: ClipConfig
  /** Embedding rows down and across a crop. */
  readonly cropRows: number
  /** Is the whole picture's part the last one, or the first? */
  readonly order: 'sub_glb' | 'glb_sub'
  /** Most crops of a picture unless a request says otherwise, and most that a request may ask for. */
  readonly crops: { readonly usual: number; readonly most: number }
  readonly pixels: PixelStatistics
}

/** Reads config.json, generation_config.json and preprocessor_config.json. Errors: ModelLoadError. */
export function readPhi3VConfig(files: ModelFiles): Phi3VConfig {
  const top = configReader('config.json', files.config)
  const decoder = readDecoderConfig(top, { rmsNormEps: 1e-5, maxPositions: 131072 }, { fused: true })
  const vision = readVision(top)
  const cropRows = Math.sqrt(vision.patches) / MERGE
  const processor = configReader('preprocessor_config.json', files.preprocessorConfig)
  const most = Math.max(1, Math.min(MOST_CROPS, Math.floor(decoder.maxPositions / cropRows ** 2) - 1))
  return {
    ...decoder,
    vision,
    cropRows,
    rope: readRope(top, decoder),
    endTokens: readEndTokens(files, top),
    order: readOrder(top),
    crops: { usual: processor.integer('num_crops', { fallback: Math.min(4, most), max: most }), most },
    pixels: {
      mean: processor.numbers('image_mean', 3, CLIP_PIXELS.mean),
      std: processor.numbers('image_std', 3, CLIP_PIXELS.std),
    },
  }
}

/** The released files name their tower and nothing more; test checkpoints give its numbers under vision_config. */
function readVision(top: ConfigReader): ClipConfig {
  const image = top.nested('img_processor')
  expectText(top, 'img_processor', 'name', 'clip_vision_model')
  expectText(top, 'img_processor', 'model_name', 'openai/clip-vit-large-patch14-336')
  expectText(top, 'img_processor', 'type_feature', 'patch')
  const layer = image.integer('layer_idx', { fallback: -2, min: Number.MIN_SAFE_INTEGER })
  const vision = readClipConfig(image.nested('vision_config'), CLIP_LARGE_336, layer)
  const across = vision.imageSize / vision.patchSize
  if (across % MERGE !== 0) throw modelLoadError(`config.json: the vision tower has ${across} patches a side; it must be an even number.`)
  const perCrop = vision.patches / MERGE ** 2
  for (const [key, value] of [
    ['image_dim_out', vision.dim],
    ['num_img_tokens', perCrop],
  ] as const) {
    const given = image.integer(key, { fallback: value })
    if (given !== value) throw modelLoadError(`config.json: img_processor.${key} is ${given}, but the vision tower gives ${value}.`)
  }
  return vision
}

function readOrder(top: ConfigReader): Phi3VConfig['order'] {
  const layer = top.nested('embd_layer')
  expectText(top, 'embd_layer', 'embedding_cls', 'image')
  expectText(top, 'embd_layer', 'projection_cls', 'mlp')
  for (const key of ['use_hd_transform', 'with_learnable_separator']) {
    if (!layer.flag(key, true)) throw modelLoadError(`config.json: embd_layer.${key} is false; only true is supported.`)
  }
  const order = layer.text('hd_transform_order', 'sub_glb')
  if (order === 'sub_glb' || order === 'glb_sub') return order
  throw modelLoadError(`config.json: embd_layer.hd_transform_order is "${order}"; supported are sub_glb and glb_sub.`)
}

function readRope(top: ConfigReader, { headDim, maxPositions }: DecoderConfig): LongRope {
  const rope = ropeOf(top)
  const kind = rope.text('type', rope.text('rope_type', 'su'))
  if (kind !== 'su' && kind !== 'longrope')
    throw modelLoadError(`config.json: rope_scaling.type is "${kind}"; supported are su and longrope.`)
  const originalMax = top.has('original_max_position_embeddings')
    ? top.integer('original_max_position_embeddings', { min: 2 })
    : rope.integer('original_max_position_embeddings', { min: 2 })
  return {
    shortFactors: readFactors(rope, 'short_factor', headDim / 2),
    longFactors: readFactors(rope, 'long_factor', headDim / 2),
    originalMax,
    extendedMax: maxPositions,
  }
}

function readFactors(rope: ConfigReader, key: string, length: number): readonly number[] {
  const factors = rope.numbers(key, length)
  const odd = factors.find((factor) => !(factor > 0))
  if (odd === undefined) return factors
  throw modelLoadError(`config.json: rope_scaling.${key} has ${odd}; factors must be above zero.`)
}

function expectText(top: ConfigReader, part: string, key: string, value: string): void {
  const given = top.nested(part).text(key, value)
  if (given !== value) throw modelLoadError(`config.json: ${part}.${key} is "${given}"; only "${value}" is supported.`)
}
