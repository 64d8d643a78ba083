import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { unfoldRows } from '../kernels/unfold-rows.ts'
import { linear } from '../layers/linear.ts'
import { layerNorm } from '../layers/norm.ts'
import { visionAttention } from '../layers/vision-attention.ts'
import type { LinearPart, WeightReader } from '../layers/weights.ts'
import { modelLoadError } from '../util/errors.ts'
import type { ConfigReader } from './config-reader.ts'
import { MAX_LAYERS } from './decoder-config.ts'

/** The numbers of Whisper's encoder. */
export interface WhisperConfig {
  readonly dim: number
  readonly layers: number
  readonly heads: number
  readonly headDim: number
  readonly mlp: number
  /** Bands of the mel spectrogram. */
  readonly bands: number
  /** Rows of the position table; a clip may have twice as many frames. */
  readonly positions: number
}

/** LayerNorm's epsilon; fixed in the reference's code. */
const NORM_EPS = 1e-5
/** Frames that one row of the convolutions sees. */
const CONV_WINDOW = 3

/** Reads the encoder's numbers out of a Whisper config. Errors: ModelLoadError. */
export function readWhisperConfig(audio: ConfigReader): WhisperConfig {
  const dim = audio.integer('d_model')
  const heads = audio.integer('encoder_attention_heads')
  const headDim = dim / heads
  if (headDim % 4 !== 0 || headDim > 128) {
    throw modelLoadError(
      `config.json: audio_config has ${heads} encoder_attention_heads of ${headDim} values each; a head must be a multiple of 4 of at most 128.`,
    )
  }
  const bands = audio.integer('num_mel_bins', { fallback: 80, max: 200 })
  if (bands % 4 !== 0) throw modelLoadError(`config.json: audio_config.num_mel_bins is ${bands}; it must be a multiple of 4.`)
  const act = audio.text('activation_function', 'gelu')
  if (act !== 'gelu') throw modelLoadError(`config.json: audio_config.activation_function is "${act}"; supported is gelu.`)
  return {
    dim,
    heads,
    headDim,
    bands,
    layers: audio.integer('encoder_layers', { max: MAX_LAYERS }),
    mlp: audio.integer('encoder_ffn_dim'),
    positions: audio.integer('max_source_positions', { fallback: 1500 }),
  }
}

const readNorm = (w: WeightReader, name: string, dim: number) => ({
  weight: w.tensor(`${name}.weight`, [dim]),
  bias: w.tensor(`${name}.bias`, [dim]),
})

function readLayer(w: WeightReader, { dim, mlp }: WhisperConfig) {
  const parts: readonly LinearPart[] = [
    { name: 'self_attn.q_proj', rows: dim },
    { name: 'self_attn.k_proj', rows: dim, bias: false },
    { name: 'self_attn.v_proj', rows: dim },
  ]
  return {
    norm1: readNorm(w, 'self_attn_layer_norm', dim),
    qkv: w.linear(parts, dim, { role: 'encoder', bias: true }),
    out: w.linear({ name: 'self_attn.out_proj', rows: dim }, dim, { role: 'encoder', bias: true }),
    norm2: readNorm(w, 'final_layer_norm', dim),
    fc1: w.linear({ name: 'fc1', rows: mlp }, dim, { role: 'encoder', bias: true }),
    fc2: w.linear({ name: 'fc2', rows: dim }, mlp, { role: 'encoder', bias: true }),
  }
}

/** Declares the encoder's weights. w: the scope that holds conv1, layers.0… */
export function readWhisper(w: WeightReader, config: WhisperConfig) {
  const { dim, layers, bands, positions } = config
  return {
    conv1: w.linear({ name: 'conv1', rows: dim }, bands * CONV_WINDOW, { role: 'encoder', bias: true }),
    conv2: w.linear({ name: 'conv2', rows: dim }, dim * CONV_WINDOW, { role: 'encoder', bias: true }),
    positions: w.tensor('embed_positions.weight', [positions, dim]),
    layers: Array.from({ length: layers }, (_, i) => readLayer(w.scope(`layers.${i}`), config)),
    norm: readNorm(w, 'layer_norm', dim),
  }
}

export type WhisperWeights = ReturnType<typeof readWhisper>

/** Rows that the encoder makes of a clip's frames: the second convolution skips every other one. */
export const encodedRows = (frames: number): number => Math.ceil(frames / 2)

/**
 * Whisper's encoder (arXiv:2212.04356): two convolutions over time, sinusoidal positions, pre-norm layers that attend in both directions.
 * mel: f32 [frames, bands] of a clip as long as it is, not padded to 30 s. Gives f32 [encodedRows(frames), dim].
 */
export function encodeWhisper(step: Step, w: WhisperWeights, c: WhisperConfig, mel: Tensor): Tensor {
  const frames = mel.shape[0] ?? 0
  const rows = encodedRows(frames)
  const window = { window: CONV_WINDOW, padding: 1, channelFirst: true }
  const first = linear(step, unfoldRows(step, mel, { ...window, stride: 1, count: frames }), w.conv1, { activation: 'gelu' })
  const residual = { ...w.positions, shape: [rows, c.dim] }
  let x = linear(step, unfoldRows(step, first, { ...window, stride: 2, count: rows }), w.conv2, { activation: 'gelu', residual })
  for (const layer of w.layers) {
    const qkv = linear(step, x, layer.qkv, { norm: { ...layer.norm1, epsilon: NORM_EPS } })
    const attended = visionAttention(step, qkv, { heads: c.heads, headDim: c.headDim, segment: rows, next: layer.out })
    x = linear(step, attended, layer.out, { residual: x })
    const wide = linear(step, x, layer.fc1, { norm: { ...layer.norm2, epsilon: NORM_EPS }, activation: 'gelu', next: layer.fc2 })
    x = linear(step, wide, layer.fc2, { residual: x })
  }
  return layerNorm(step, x, w.norm.weight, w.norm.bias, NORM_EPS)
}
