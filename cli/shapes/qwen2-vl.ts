import { decoderSizes, decoderTensors } from './decoder-tensors.ts'
import { type Json, layerNorm, linear, type ModelShape, matrix, repeat, type ShapeTensor } from './shape.ts'

const PREPROCESSOR: Json = {
  image_processor_type: 'Qwen2VLImageProcessor',
  processor_class: 'Qwen2VLProcessor',
  min_pixels: 3136,
  max_pixels: 12845056,
  patch_size: 14,
  temporal_patch_size: 2,
  merge_size: 2,
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
}

/** Qwen/Qwen2-VL-2B-Instruct's config.json. */
const QWEN2_VL_2B: Json = {
  architectures: ['Qwen2VLForConditionalGeneration'],
  attention_dropout: 0,
  bos_token_id: 151643,
  eos_token_id: 151645,
  vision_start_token_id: 151652,
  vision_end_token_id: 151653,
  vision_token_id: 151654,
  image_token_id: 151655,
  video_token_id: 151656,
  hidden_act: 'silu',
  hidden_size: 1536,
  initializer_range: 0.02,
  intermediate_size: 8960,
  max_position_embeddings: 32768,
  max_window_layers: 28,
  model_type: 'qwen2_vl',
  num_attention_heads: 12,
  num_hidden_layers: 28,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  sliding_window: 32768,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  use_sliding_window: false,
  vision_config: {
    depth: 32,
    embed_dim: 1280,
    mlp_ratio: 4,
    num_heads: 16,
    in_chans: 3,
    hidden_size: 1536,
    patch_size: 14,
    spatial_merge_size: 2,
    spatial_patch_size: 14,
    temporal_patch_size: 2,
  },
  rope_scaling: { type: 'mrope', mrope_section: [16, 24, 24] },
  vocab_size: 151936,
}

/** The shape that a Qwen2-VL config describes. */
export function qwen2VlShape(name: string, config: Json): ModelShape {
  const decoder = decoderSizes(config)
  const ids = {
    '<|im_start|>': Number(config['eos_token_id']) - 1,
    '<|im_end|>': Number(config['eos_token_id']),
    '<|vision_start|>': Number(config['vision_start_token_id']),
    '<|vision_end|>': Number(config['vision_end_token_id']),
    '<|image_pad|>': Number(config['image_token_id']),
    '<|video_pad|>': Number(config['video_token_id']),
  }
  const generation = { bos_token_id: config['bos_token_id'], do_sample: false, eos_token_id: [config['eos_token_id']] }
  return {
    name,
    decoder,
    like: 'Qwen/Qwen2-VL-2B-Instruct',
    specials: ids,
    media: 'image',
    mediaPrompt: '<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>Describe this image.<|im_end|>\n<|im_start|>assistant\n',
    folders: [
      {
        path: '',
        dtype: 'BF16',
        files: { 'config.json': config, 'preprocessor_config.json': PREPROCESSOR, 'generation_config.json': generation },
        tensors: [
          ...visionTensors(config['vision_config'] as Json),
          ...decoderTensors(decoder, { model: 'model.', head: '', qkvBias: true }),
        ],
      },
    ],
  }
}

function visionTensors(vision: Json): ShapeTensor[] {
  const size = (key: string): number => Number(vision[key])
  const dim = size('embed_dim')
  const mlp = dim * size('mlp_ratio')
  const merged = dim * size('spatial_merge_size') ** 2
  return [
    matrix('visual.patch_embed.proj.weight', dim, size('in_chans'), size('temporal_patch_size'), size('patch_size'), size('patch_size')),
    ...repeat(size('depth'), (i) => {
      const at = `visual.blocks.${i}.`
      return [
        ...layerNorm(`${at}norm1`, dim),
        ...linear(`${at}attn.qkv`, 3 * dim, dim),
        ...linear(`${at}attn.proj`, dim, dim),
        ...layerNorm(`${at}norm2`, dim),
        ...linear(`${at}mlp.fc1`, mlp, dim),
        ...linear(`${at}mlp.fc2`, dim, mlp),
      ]
    }),
    ...layerNorm('visual.merger.ln_q', dim),
    ...linear('visual.merger.mlp.0', merged, merged),
    ...linear('visual.merger.mlp.2', size('hidden_size'), merged),
  ]
}

export const qwen2Vl2b = qwen2VlShape('qwen2vl_2b', QWEN2_VL_2B)

/** The same architecture in a few hundred kilobytes. */
export const tinyQwen2Vl = qwen2VlShape('tiny_qwen2vl_2b', {
  ...QWEN2_VL_2B,
  bos_token_id: 400,
  eos_token_id: 402,
  vision_start_token_id: 403,
  vision_end_token_id: 404,
  vision_token_id: 405,
  image_token_id: 406,
  video_token_id: 407,
  hidden_size: 64,
  intermediate_size: 128,
  num_attention_heads: 4,
  num_hidden_layers: 2,
  num_key_value_heads: 2,
  max_position_embeddings: 1024,
  vocab_size: 512,
  rope_scaling: { type: 'mrope', mrope_section: [2, 3, 3] },
  vision_config: { ...(QWEN2_VL_2B['vision_config'] as Json), depth: 2, embed_dim: 32, num_heads: 2, hidden_size: 64 },
})
