import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { siluMul } from '../kernels/silu-mul.ts'
import { unfoldRows } from '../kernels/unfold-rows.ts'
import { linear } from '../layers/linear.ts'
import { rmsNorm } from '../layers/norm.ts'
import type { WeightReader } from '../layers/weights.ts'
import { inverseFrequencies, llama3Frequencies } from '../util/rope-table.ts'
import { decoderShape, decoderTables, forwardDecoder, readDecoder } from './decoder.ts'
import { defineFamily } from './family.ts'
import { sequentialPositions } from './placeholders.ts'
import { readUltravoxConfig, type UltravoxConfig, ultravoxParts } from './ultravox-config.ts'
import { AUDIO, expandPrompt, prepareAudio, prepareEmbeds, refuseKind, unexpandedIds } from './ultravox-processor.ts'
import { encodeWhisper, readWhisper } from './whisper-encoder.ts'

/** RMSNorm's epsilon in the projector; fixed in the reference's code, and not the decoder's. */
const PROJECTOR_EPS = 1e-6

function readProjector(w: WeightReader, { audio, stack, projector, hidden, normInMiddle }: UltravoxConfig) {
  const stacked = audio.dim * stack
  return {
    normPre: w.tensor('ln_pre.weight', [stacked]),
    linear1: w.linear({ name: 'linear_1', rows: projector }, stacked, { role: 'encoder' }),
    normMid: normInMiddle ? w.tensor('ln_mid.weight', [projector / 2]) : undefined,
    linear2: w.linear({ name: 'linear_2', rows: hidden }, projector / 2, { role: 'encoder' }),
    normPost: normInMiddle ? undefined : w.tensor('ln_post.weight', [hidden]),
  }
}

function readWeights(reader: WeightReader, config: UltravoxConfig) {
  const language = reader.scope('language_model')
  return {
    audio: readWhisper(reader.scope('audio_tower'), config.audio),
    projector: readProjector(reader.scope('multi_modal_projector'), config),
    decoder: readDecoder({ model: language.scope('model'), head: language }, config),
  }
}

export type UltravoxWeights = ReturnType<typeof readWeights>

/**
 * `stack` neighbouring rows of the encoder become one embedding: norm, SwiGLU with its gate as the second half, norm.
 * encoded: f32 [rows, dim]; gives f32 [tokens, hidden], at most ⌈rows / stack⌉ of them.
 */
export function projectSound(
  step: Step,
  w: UltravoxWeights['projector'],
  { stack }: UltravoxConfig,
  encoded: Tensor,
  tokens: number,
): Tensor {
  const stacked = unfoldRows(step, encoded, { window: stack, stride: stack, padding: 0, count: tokens })
  const wide = linear(step, stacked, w.linear1, { norm: { weight: w.normPre, epsilon: PROJECTOR_EPS } })
  const gated = siluMul(step, wide, { gateSecond: true })
  const projected = linear(step, gated, w.linear2, { norm: w.normMid && { weight: w.normMid, epsilon: PROJECTOR_EPS } })
  return w.normPost ? rmsNorm(step, projected, w.normPost, PROJECTOR_EPS) : projected
}

/**
 * Ultravox (github.com/fixie-ai/ultravox): what Whisper's encoder hears, eight rows to a token, in place of `<|audio|>` in a Llama decoder's
 * prompt.
 */
export const ultravox = defineFamily<UltravoxConfig, UltravoxWeights>({
  modelTypes: ['ultravox'],
  kinds: ['audio'],
  placeholder: () => AUDIO,
  parts: ultravoxParts,
  readConfig: readUltravoxConfig,
  decoder: decoderShape,
  endTokens: (c) => c.endTokens,
  readWeights,
  tables(c, maxLength) {
    const frequencies = inverseFrequencies(c.headDim, c.ropeTheta)
    return decoderTables(c, maxLength, c.rope ? llama3Frequencies(frequencies, c.rope) : frequencies)
  },
  prepareImage: refuseKind,
  prepareAudio,
  prepareEmbeds,
  expandPrompt,
  unexpandedIds,
  positions: (_config, prompt) => sequentialPositions(prompt),
  encode(step, weights, config, _kind, [, tokens = 0], inputs) {
    const { mel } = inputs as { mel: Tensor }
    return projectSound(step, weights.projector, config, encodeWhisper(step, weights.audio, config.audio, mel), tokens)
  },
  forward: (step, weights, config, batch, tables) => forwardDecoder(step, weights.decoder, config, batch, tables),
})
