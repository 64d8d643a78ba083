import { decoderSizes, decoderTensors } from './decoder-tensors.ts'
import { type Json, linear, type ModelShape, matrix } from './shape.ts'
import { CLIP_LARGE_336, clipTensors, towerSizes } from './vision-tensors.ts'

const LONG_FACTORS = [
  1.0800000429153442, 1.1100000143051147, 1.1399999856948853, 1.340000033378601, 1.5899999141693115, 1.600000023841858, 1.6200000047683716,
  2.620000123977661, 3.2300000190734863, 3.2300000190734863, 4.789999961853027, 7.400000095367432, 7.700000286102295, 9.09000015258789,
  12.199999809265137, 17.670000076293945, 24.46000099182129, 28.57000160217285, 30.420001983642578, 30.840002059936523, 32.590003967285156,
  32.93000411987305, 42.320003509521484, 44.96000289916992, 50.340003967285156, 50.45000457763672, 57.55000305175781, 57.93000411987305,
  58.21000289916992, 60.1400032043457, 62.61000442504883, 62.62000274658203, 62.71000289916992, 63.1400032043457, 63.1400032043457,
  63.77000427246094, 63.93000411987305, 63.96000289916992, 63.970001220703125, 64.02999877929688, 64.06999969482422, 64.08000183105469,
  64.12000274658203, 64.41000366210938, 64.4800033569336, 64.51000213623047, 64.52999877929688, 64.83999633789062,
]

const SHORT_FACTORS = [
  1.08, 1.1, 1.13, 1.28, 1.31, 1.45, 1.45, 1.95, 2.03, 2.43, 2.57, 2.95, 3.73, 3.87, 4.19, 4.44, 4.64, 4.98, 5.16, 5.28, 5.76, 5.89, 5.89,
  5.97, 6.09, 6.28, 6.77, 6.89, 7.11, 7.13, 7.18, 7.29, 7.34, 7.56, 7.62, 7.7, 7.88, 7.88, 7.88, 7.94, 7.95, 7.98, 8.2, 8.44, 8.47, 8.59,
  8.81, 9.0,
]

/** microsoft/Phi-3.5-vision-instruct's config.json. */
const PHI_3_5_VISION: Json = {
  architectures: ['Phi3VForCausalLM'],
  attention_dropout: 0,
  bos_token_id: 1,
  embd_layer: {
    embedding_cls: 'image',
    hd_transform_order: 'sub_glb',
    projection_cls: 'mlp',
    use_hd_transform: true,
    with_learnable_separator: true,
  },
  embd_pdrop: 0,
  eos_token_id: 2,
  hidden_act: 'silu',
  hidden_size: 3072,
  img_processor: {
    image_dim_out: 1024,
    model_name: 'openai/clip-vit-large-patch14-336',
    name: 'clip_vision_model',
    num_img_tokens: 144,
  },
  initializer_range: 0.02,
  intermediate_size: 8192,
  max_position_embeddings: 131072,
  model_type: 'phi3_v',
  num_attention_heads: 32,
  num_hidden_layers: 32,
  num_key_value_heads: 32,
  original_max_position_embeddings: 4096,
  pad_token_id: 32000,
  resid_pdrop: 0,
  rms_norm_eps: 1e-5,
  rope_scaling: { long_factor: LONG_FACTORS, short_factor: SHORT_FACTORS, type: 'su' },
  rope_theta: 10000,
  sliding_window: 262144,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
  vocab_size: 32064,
}

const IDS = {
  '<|endoftext|>': 32000,
  '<|assistant|>': 32001,
  '<|end|>': 32007,
  '<|user|>': 32010,
  '<|image|>': 32044,
}

/** The shape that a Phi-3-vision config describes. */
export function phi3VShape(name: string, config: Json, ids: Readonly<Record<string, number>>): ModelShape {
  const decoder = decoderSizes(config)
  const tower = (config['img_processor'] as Json)['vision_config']
  const vision = tower ? towerSizes(tower as Json) : CLIP_LARGE_336
  const preprocessor = {
    image_processor_type: 'Phi3VImageProcessor',
    processor_class: 'Phi3VProcessor',
    image_mean: [0.48145466, 0.4578275, 0.40821073],
    image_std: [0.26862954, 0.26130258, 0.27577711],
    num_crops: 4,
    num_img_tokens: (config['img_processor'] as Json)['num_img_tokens'],
  }
  const generation = { bos_token_id: 1, eos_token_id: [ids['<|end|>'], ids['<|assistant|>'], ids['<|endoftext|>']] }
  const at = 'model.vision_embed_tokens.'
  const width = 4 * vision.hidden
  return {
    name,
    decoder,
    like: 'microsoft/Phi-3.5-vision-instruct',
    specials: { '<unk>': 0, '<s>': 1, '</s>': 2, ...ids },
    bos: '<s>',
    media: 'image',
    mediaPrompt: '<|user|>\n<|image_1|>\nDescribe this image.<|end|>\n<|assistant|>\n',
    folders: [
      {
        path: '',
        dtype: 'BF16',
        files: { 'config.json': config, 'preprocessor_config.json': preprocessor, 'generation_config.json': generation },
        tensors: [
          ...decoderTensors(decoder, { model: 'model.', head: '', fused: true }),
          ...clipTensors(`${at}img_processor.vision_model.`, vision),
          matrix(`${at}glb_GN`, 1, 1, width),
          matrix(`${at}sub_GN`, 1, 1, 1, width),
          ...linear(`${at}img_projection.0`, decoder.hidden, width),
          ...linear(`${at}img_projection.2`, decoder.hidden, decoder.hidden),
        ],
      },
    ],
  }
}

export const phi35v = phi3VShape('phi35v', PHI_3_5_VISION, IDS)

/** The same architecture in a few hundred kilobytes. */
export const tinyPhi3V = phi3VShape(
  'tiny_phi35v',
  {
    ...PHI_3_5_VISION,
    hidden_size: 64,
    intermediate_size: 128,
    num_attention_heads: 4,
    num_key_value_heads: 4,
    num_hidden_layers: 2,
    max_position_embeddings: 1024,
    original_max_position_embeddings: 256,
    rope_scaling: { type: 'su', long_factor: LONG_FACTORS.slice(0, 8), short_factor: SHORT_FACTORS.slice(0, 8) },
    img_processor: {
      ...(PHI_3_5_VISION['img_processor'] as Json),
      image_dim_out: 32,
      num_img_tokens: 4,
      vision_config: {
        hidden_size: 32,
        intermediate_size: 64,
        num_attention_heads: 4,
        num_hidden_layers: 3,
        image_size: 56,
        patch_size: 14,
      },
    },
    vocab_size: 512,
  },
  { '<|endoftext|>': 400, '<|assistant|>': 401, '<|end|>': 407, '<|user|>': 410, '<|image|>': 444 },
)
