import { decoderSizes, decoderTensors } from './decoder-tensors.ts'
import { bias, type Json, layerNorm, linear, type ModelShape, matrix, norm, repeat, type ShapeTensor } from './shape.ts'

/** fixie-ai/ultravox-v0_3's config.json: it names the folders of its two large parts. */
const ULTRAVOX_V0_3: Json = {
  architectures: ['UltravoxModel'],
  audio_model_id: 'openai/whisper-small',
  audio_token_index: 32000,
  hidden_size: 4096,
  ignore_index: -100,
  initializer_range: 0.02,
  model_type: 'ultravox',
  norm_init: 0.4,
  projector_act: 'swiglu',
  stack_factor: 8,
  text_model_id: 'meta-llama/Meta-Llama-3.1-8B-Instruct',
  torch_dtype: 'bfloat16',
}

/** The encoder's part of openai/whisper-small's config.json. */
const WHISPER_SMALL: Json = {
  architectures: ['WhisperForConditionalGeneration'],
  activation_function: 'gelu',
  d_model: 768,
  encoder_attention_heads: 12,
  encoder_ffn_dim: 3072,
  encoder_layers: 12,
  max_source_positions: 1500,
  model_type: 'whisper',
  num_mel_bins: 80,
}

/** meta-llama/Meta-Llama-3.1-8B-Instruct's config.json. */
const LLAMA_3_1_8B: Json = {
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  bos_token_id: 128000,
  eos_token_id: [128001, 128008, 128009],
  hidden_act: 'silu',
  hidden_size: 4096,
  initializer_range: 0.02,
  intermediate_size: 14336,
  max_position_embeddings: 131072,
  mlp_bias: false,
  model_type: 'llama',
  num_attention_heads: 32,
  num_hidden_layers: 32,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-5,
  rope_scaling: { factor: 8, high_freq_factor: 4, low_freq_factor: 1, original_max_position_embeddings: 8192, rope_type: 'llama3' },
  rope_theta: 500000,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
  vocab_size: 128256,
}

const SPECIALS = {
  '<|begin_of_text|>': 128000,
  '<|end_of_text|>': 128001,
  '<|reserved_special_token_0|>': 128002,
  '<|start_header_id|>': 128006,
  '<|end_header_id|>': 128007,
  '<|eom_id|>': 128008,
  '<|eot_id|>': 128009,
}

/** The three configs of an Ultravox: its own, Whisper's and Llama's. */
export interface UltravoxConfigs {
  readonly own: Json
  readonly audio: Json
  readonly text: Json
}

/** The shape that three configs describe; each part lies in the folder by which the first config names it. */
export function ultravoxShape(name: string, { own, audio, text }: UltravoxConfigs, specials: Readonly<Record<string, number>>): ModelShape {
  const decoder = decoderSizes(text)
  const projector = Number(own['hidden_size'])
  const stacked = Number(audio['d_model']) * Number(own['stack_factor'])
  const at = 'multi_modal_projector.'
  const generation = { bos_token_id: text['bos_token_id'], eos_token_id: text['eos_token_id'] }
  return {
    name,
    decoder,
    specials,
    like: 'fixie-ai/ultravox-v0_3',
    bos: '<|begin_of_text|>',
    media: 'audio',
    mediaPrompt:
      '<|start_header_id|>user<|end_header_id|>\n\n<|audio|>What is said?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
    folders: [
      {
        path: '',
        dtype: 'BF16',
        files: { 'config.json': own, 'generation_config.json': generation },
        tensors: [
          norm(`${at}ln_pre.weight`, stacked),
          matrix(`${at}linear_1.weight`, projector, stacked),
          matrix(`${at}linear_2.weight`, decoder.hidden, projector / 2),
          norm(`${at}ln_post.weight`, decoder.hidden),
        ],
      },
      { path: String(own['audio_model_id']), dtype: 'F32', files: { 'config.json': audio }, tensors: whisperTensors(audio) },
      {
        path: String(own['text_model_id']),
        dtype: 'BF16',
        files: { 'config.json': text },
        tensors: decoderTensors(decoder, { model: 'model.', head: '' }),
      },
    ],
  }
}

function whisperTensors(audio: Json): ShapeTensor[] {
  const size = (key: string): number => Number(audio[key])
  const dim = size('d_model')
  const mlp = size('encoder_ffn_dim')
  const at = 'model.encoder.'
  return [
    ...linear(`${at}conv1`, dim, size('num_mel_bins'), 3),
    ...linear(`${at}conv2`, dim, dim, 3),
    matrix(`${at}embed_positions.weight`, size('max_source_positions'), dim),
    ...repeat(size('encoder_layers'), (i) => {
      const layer = `${at}layers.${i}.`
      return [
        matrix(`${layer}self_attn.k_proj.weight`, dim, dim),
        ...['q_proj', 'v_proj', 'out_proj'].flatMap((part) => linear(`${layer}self_attn.${part}`, dim, dim)),
        ...layerNorm(`${layer}self_attn_layer_norm`, dim),
        matrix(`${layer}fc1.weight`, mlp, dim),
        bias(`${layer}fc1.bias`, mlp),
        ...linear(`${layer}fc2`, dim, mlp),
        ...layerNorm(`${layer}final_layer_norm`, dim),
      ]
    }),
    ...layerNorm(`${at}layer_norm`, dim),
  ]
}

export const ultravox8b = ultravoxShape('ultravox_8b', { own: ULTRAVOX_V0_3, audio: WHISPER_SMALL, text: LLAMA_3_1_8B }, SPECIALS)

/** The same architecture in a few hundred kilobytes. */
export const tinyUltravox = ultravoxShape(
  'tiny_ultravox_8b',
  {
    own: { ...ULTRAVOX_V0_3, hidden_size: 64 },
    audio: { ...WHISPER_SMALL, d_model: 32, encoder_attention_heads: 4, encoder_ffn_dim: 64, encoder_layers: 2 },
    text: {
      ...LLAMA_3_1_8B,
      bos_token_id: 400,
      eos_token_id: [401, 408, 409],
      hidden_size: 64,
      intermediate_size: 128,
      max_position_embeddings: 1024,
      num_attention_heads: 4,
      num_hidden_layers: 2,
      num_key_value_heads: 2,
      vocab_size: 512,
    },
  },
  Object.fromEntries(Object.entries(SPECIALS).map(([token, id]) => [token, id - 128000 + 400])),
)
