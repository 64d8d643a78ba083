import { decoderSizes, decoderTensors } from './decoder-tensors.ts'
import { type Json, linear, type ModelShape } from './shape.ts'
import { clipTensors, towerSizes } from './vision-tensors.ts'

/** llava-hf/llava-1.5-7b-hf's config.json. */
const LLAVA_7B: Json = {
  architectures: ['LlavaForConditionalGeneration'],
  ignore_index: -100,
  image_token_index: 32000,
  model_type: 'llava',
  pad_token_id: 32001,
  projector_hidden_act: 'gelu',
  text_config: {
    _name_or_path: 'lmsys/vicuna-7b-v1.5',
    architectures: ['LlamaForCausalLM'],
    max_position_embeddings: 4096,
    model_type: 'llama',
    rms_norm_eps: 1e-5,
    torch_dtype: 'float16',
    vocab_size: 32064,
  },
  tie_word_embeddings: false,
  torch_dtype: 'float16',
  vision_config: {
    hidden_size: 1024,
    image_size: 336,
    intermediate_size: 4096,
    model_type: 'clip_vision_model',
    num_attention_heads: 16,
    num_hidden_layers: 24,
    patch_size: 14,
    projection_dim: 768,
    vocab_size: 32000,
  },
  vision_feature_layer: -2,
  vision_feature_select_strategy: 'default',
}

/** What transformers takes for the keys that the file leaves out. */
const LLAMA_DEFAULTS: Json = { hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 32, num_attention_heads: 32 }

/** The shape that a LLaVA config describes. */
export function llavaShape(name: string, config: Json): ModelShape {
  const decoder = decoderSizes({ ...LLAMA_DEFAULTS, ...(config['text_config'] as Json) })
  const vision = towerSizes(config['vision_config'] as Json)
  const side = vision.imageSize
  const preprocessor = {
    image_processor_type: 'CLIPImageProcessor',
    crop_size: { height: side, width: side },
    do_center_crop: true,
    do_convert_rgb: true,
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    image_mean: [0.48145466, 0.4578275, 0.40821073],
    image_std: [0.26862954, 0.26130258, 0.27577711],
    resample: 3,
    size: { shortest_edge: side },
  }
  const generation = { bos_token_id: 1, eos_token_id: 2, pad_token_id: config['pad_token_id'] }
  return {
    name,
    decoder,
    like: 'llava-hf/llava-1.5-7b-hf',
    specials: { '<unk>': 0, '<s>': 1, '</s>': 2, '<image>': Number(config['image_token_index']), '<pad>': Number(config['pad_token_id']) },
    bos: '<s>',
    media: 'image',
    mediaPrompt: 'USER: <image>\nDescribe this image. ASSISTANT:',
    folders: [
      {
        path: '',
        dtype: 'F16',
        files: { 'config.json': config, 'preprocessor_config.json': preprocessor, 'generation_config.json': generation },
        tensors: [
          ...clipTensors('vision_tower.vision_model.', vision),
          ...linear('multi_modal_projector.linear_1', decoder.hidden, vision.hidden),
          ...linear('multi_modal_projector.linear_2', decoder.hidden, decoder.hidden),
          ...decoderTensors(decoder, { model: 'language_model.model.', head: 'language_model.' }),
        ],
      },
    ],
  }
}

export const llava7b = llavaShape('llava_7b', LLAVA_7B)

/** The same architecture in a few hundred kilobytes. */
export const tinyLlava = llavaShape('tiny_llava_7b', {
  ...LLAVA_7B,
  image_token_index: 400,
  pad_token_id: 401,
  text_config: {
    ...(LLAVA_7B['text_config'] as Json),
    hidden_size: 64,
    intermediate_size: 128,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    max_position_embeddings: 512,
    vocab_size: 512,
  },
  vision_config: {
    ...(LLAVA_7B['vision_config'] as Json),
    hidden_size: 32,
    intermediate_size: 64,
    num_attention_heads: 4,
    num_hidden_layers: 3,
    image_size: 28,
  },
})
