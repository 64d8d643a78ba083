import type { SliceOptions } from '../media/minicpmv-slices.ts'
import { modelLoadError } from '../util/errors.ts'
import { type ConfigReader, configReader } from './config-reader.ts'
import { type DecoderConfig, MAX_LAYERS, readDecoderConfig, readEndTokens } from './decoder-config.ts'
import type { ModelFiles } from './family.ts'
import type { SiglipConfig } from './siglip.ts'

/** Width of a head of the resampler's attention; fixed in the reference's code. */
const RESAMPLER_HEAD = 128

/** The resampler: as many embedding rows for a picture as it has queries, whatever the picture's size. */
export interface ResamplerConfig {
  readonly queries: number
  /** Of its input, the vision tower's rows. */
  readonly inputs: number
  /** Of its output, the decoder's hidden size. */
  readonly hidden: number
  readonly heads: number
  readonly headDim: number
}

/** Everything the family needs of a checkpoint's JSON files. */
export interface MinicpmvConfig extends DecoderConfig {
  readonly endTokens: readonly number[]
  readonly vision: SiglipConfig
  readonly resampler: ResamplerConfig
  readonly slicing: SliceOptions
  readonly mean: readonly number[]
  readonly std: readonly number[]
  /** Each picture is introduced by its number. */
  readonly useImageId: boolean
}

/** Reads config.json, generation_config.json and preprocessor_config.json of MiniCPM-V 2.6. Errors: ModelLoadError. */
export function readMinicpmvConfig(files: ModelFiles): MinicpmvConfig {
  const top = configReader('config.json', files.config)
  checkVersion(files.config['version'])
  const decoder = readDecoderConfig(top, { ropeTheta: 1e6, maxPositions: 32768 }, { qkvBias: true })
  const { hidden } = decoder
  if (hidden % RESAMPLER_HEAD !== 0) {
    throw modelLoadError(`config.json: hidden_size is ${hidden}; the resampler needs a multiple of ${RESAMPLER_HEAD}.`)
  }
  const vision = readVision(top)
  const processor = configReader('preprocessor_config.json', files.preprocessorConfig)
  return {
    ...decoder,
    endTokens: readEndTokens(files, top),
    vision,
    resampler: {
      hidden,
      queries: top.integer('query_num', { fallback: 64 }),
      inputs: vision.dim,
      heads: hidden / RESAMPLER_HEAD,
      headDim: RESAMPLER_HEAD,
    },
    slicing: readSlicing(top, processor, vision.patchSize),
    mean: processor.numbers('norm_mean', 3, [0.5, 0.5, 0.5]),
    std: processor.numbers('norm_std', 3, [0.5, 0.5, 0.5]),
    useImageId: processor.flag('use_image_id', top.flag('use_image_id', true)),
  }
}

/** Versions 2.0 and 2.5 have the same model_type, but another decoder and another resampler. */
function checkVersion(version: unknown): void {
  if (Number(version) === 2.6) return
  throw modelLoadError(`config.json: version is ${JSON.stringify(version) ?? 'missing'}; of model_type minicpmv only 2.6 is supported.`)
}

function readVision(top: ConfigReader): SiglipConfig {
  const vision = top.nested('vision_config')
  const dim = vision.integer('hidden_size')
  const heads = vision.integer('num_attention_heads')
  const patchSize = vision.integer('patch_size', { fallback: 14 })
  const unusedLayers = top.flag('drop_vision_last_layer', false) ? 1 : 0
  const imageSize = vision.integer('image_size', { fallback: 980, min: patchSize })
  if (dim % (heads * 4) !== 0)
    throw modelLoadError(`config.json: vision_config.hidden_size ${dim} must be a multiple of 4 times num_attention_heads (${heads}).`)
  if (dim / heads > 128)
    throw modelLoadError(`config.json: the vision tower has heads of ${dim / heads} values; at most 128 are supported.`)
  const activation = vision.text('hidden_act', 'gelu_pytorch_tanh')
  if (activation !== 'gelu_pytorch_tanh')
    throw modelLoadError(`config.json: vision_config.hidden_act is "${activation}"; supported is gelu_pytorch_tanh.`)
  return {
    dim,
    heads,
    patchSize,
    headDim: dim / heads,
    mlp: vision.integer('intermediate_size'),
    unusedLayers,
    layers: vision.integer('num_hidden_layers', { min: 1 + unusedLayers, max: MAX_LAYERS }) - unusedLayers,
    tableSide: Math.floor(imageSize / patchSize),
    epsilon: vision.positive('layer_norm_eps', 1e-6),
    activation: 'gelu-tanh',
  }
}

/** preprocessor_config.json decides, and config.json's slice_config where it says nothing. */
function readSlicing(top: ConfigReader, processor: ConfigReader, patchSize: number): SliceOptions {
  const model = top.nested('slice_config')
  const read = (key: string, fallback: number): number => processor.integer(key, { fallback: model.integer(key, { fallback }) })
  const slicePatch = read('patch_size', patchSize)
  if (slicePatch !== patchSize)
    throw modelLoadError(`preprocessor_config.json: patch_size is ${slicePatch}, but the vision tower's is ${patchSize}.`)
  const sliced = processor.flag('slice_mode', top.flag('slice_mode', true))
  return {
    patchSize,
    resolution: read('scale_resolution', top.integer('image_size', { fallback: 448 })),
    maxSlices: sliced ? read('max_slice_nums', 9) : 1,
  }
}
