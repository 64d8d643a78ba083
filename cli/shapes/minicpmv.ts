import { decoderSizes, decoderTensors } from './decoder-tensors.ts'
import { bias, type Json, layerNorm, linear, type ModelShape, matrix, type ShapeTensor } from './shape.ts'
import { siglipTensors, towerSizes } from './vision-tensors.ts'

/** openbmb/MiniCPM-V-2_6's config.json. */
const MINICPM_V_2_6: Json = {
  architectures: ['MiniCPMV'],
  version: 2.6,
  attention_dropout: 0,
  batch_vision_input: true,
  bos_token_id: 151643,
  eos_token_id: 151645,
  drop_vision_last_layer: false,
  hidden_act: 'silu',
  hidden_size: 3584,
  image_size: 448,
  initializer_range: 0.02,
  intermediate_size: 18944,
  max_position_embeddings: 32768,
  max_window_layers: 28,
  model_type: 'minicpmv',
  num_attention_heads: 28,
  num_hidden_layers: 28,
  num_key_value_heads: 4,
  patch_size: 14,
  query_num: 64,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  slice_config: { max_slice_nums: 9, patch_size: 14, model_type: 'minicpmv', scale_resolution: 448 },
  slice_mode: true,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
  use_image_id: true,
  use_sliding_window: false,
  vision_batch_size: 16,
  vision_config: {
    hidden_size: 1152,
    image_size: 980,
    intermediate_size: 4304,
    model_type: 'siglip_vision_model',
    num_attention_heads: 16,
    num_hidden_layers: 27,
    patch_size: 14,
  },
  vocab_size: 151666,
}

const MARKERS = ['<image>', '</image>', '<slice>', '</slice>', '<image_id>', '</image_id>'] as const

/** Ids of the released tokenizer. */
const IDS: Readonly<Record<string, number>> = {
  '<unk>': 128244,
  '<|im_start|>': 151644,
  '<|im_end|>': 151645,
  '<image>': 151646,
  '</image>': 151647,
  '<slice>': 151656,
  '</slice>': 151657,
  '<image_id>': 151658,
  '</image_id>': 151659,
}

/** The shape that a MiniCPM-V 2.6 config describes. */
export function minicpmvShape(name: string, config: Json, specials: Readonly<Record<string, number>>): ModelShape {
  const decoder = decoderSizes(config)
  const vision = towerSizes(config['vision_config'] as Json)
  const slicing = config['slice_config'] as Json
  const preprocessor = {
    image_processor_type: 'MiniCPMVImageProcessor',
    processor_class: 'MiniCPMVProcessor',
    max_slice_nums: slicing['max_slice_nums'],
    scale_resolution: slicing['scale_resolution'],
    patch_size: slicing['patch_size'],
    use_image_id: true,
    image_feature_size: config['query_num'],
    slice_mode: true,
    norm_mean: [0.5, 0.5, 0.5],
    norm_std: [0.5, 0.5, 0.5],
    version: 2.6,
  }
  const generation = { eos_token_id: [config['eos_token_id']], bos_token_id: config['bos_token_id'] }
  return {
    name,
    decoder,
    specials,
    like: 'openbmb/MiniCPM-V-2_6',
    media: 'image',
    mediaPrompt: '<|im_start|>user\n(<image>./</image>)\nDescribe this image.<|im_end|>\n<|im_start|>assistant\n',
    folders: [
      {
        path: '',
        dtype: 'BF16',
        files: { 'config.json': config, 'preprocessor_config.json': preprocessor, 'generation_config.json': generation },
        tensors: [
          ...decoderTensors(decoder, { model: 'llm.model.', head: 'llm.', qkvBias: true }),
          ...resamplerTensors(decoder.hidden, vision.hidden, Number(config['query_num'])),
          ...siglipTensors('vpm.', vision),
        ],
      },
    ],
  }
}

function resamplerTensors(hidden: number, inputs: number, queries: number): ShapeTensor[] {
  return [
    matrix('resampler.query', queries, hidden),
    matrix('resampler.kv_proj.weight', hidden, inputs),
    matrix('resampler.attn.in_proj_weight', 3 * hidden, hidden),
    bias('resampler.attn.in_proj_bias', 3 * hidden),
    ...linear('resampler.attn.out_proj', hidden, hidden),
    ...['ln_q', 'ln_kv', 'ln_post'].flatMap((part) => layerNorm(`resampler.${part}`, hidden)),
    matrix('resampler.proj', hidden, hidden),
  ]
}

export const minicpm8b = minicpmvShape('minicpm_8b', MINICPM_V_2_6, IDS)

/** The same architecture in about two megabytes. */
export const tinyMinicpmv = minicpmvShape(
  'tiny_minicpm_8b',
  {
    ...MINICPM_V_2_6,
    bos_token_id: 400,
    eos_token_id: 402,
    hidden_size: 256,
    intermediate_size: 256,
    num_attention_heads: 8,
    num_hidden_layers: 2,
    num_key_value_heads: 2,
    query_num: 4,
    image_size: 112,
    slice_config: { ...(MINICPM_V_2_6['slice_config'] as Json), scale_resolution: 112 },
    vision_config: {
      ...(MINICPM_V_2_6['vision_config'] as Json),
      hidden_size: 64,
      image_size: 196,
      intermediate_size: 80,
      num_attention_heads: 4,
      num_hidden_layers: 2,
    },
    vocab_size: 512,
  },
  {
    '<unk>': 399,
    '<|im_start|>': 401,
    '<|im_end|>': 402,
    ...Object.fromEntries(MARKERS.map((marker, i) => [marker, 403 + i])),
  },
)
