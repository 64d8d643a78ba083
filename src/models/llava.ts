import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { linear } from '../layers/linear.ts'
import type { WeightReader } from '../layers/weights.ts'
import { dropClassTokens, encodeClip, readClip } from './clip.ts'
import { decoderShape, decoderTables, forwardDecoder, readDecoder } from './decoder.ts'
import { defineFamily } from './family.ts'
import { type LlavaConfig, readLlavaConfig } from './llava-config.ts'
import { clipTags, expandPrompt, prepareEmbeds, prepareImage } from './llava-processor.ts'
import { sequentialPositions } from './placeholders.ts'

function readWeights(reader: WeightReader, config: LlavaConfig) {
  const { vision, hidden, projectorBias: bias } = config
  const language = reader.scope('language_model')
  return {
    vision: readClip(reader.scope('vision_tower.vision_model'), vision),
    linear1: reader.linear({ name: 'multi_modal_projector.linear_1', rows: hidden }, vision.dim, { role: 'encoder', bias }),
    linear2: reader.linear({ name: 'multi_modal_projector.linear_2', rows: hidden }, hidden, { role: 'encoder', bias }),
    decoder: readDecoder({ model: language.scope('model'), head: language }, config),
  }
}

export type LlavaWeights = ReturnType<typeof readWeights>

/** The vision tower's features, before the projector: [imageTokens, dim]. patches: [patches, 3 · patch²]. */
export function encodeFeatures(step: Step, w: LlavaWeights, { vision, keepsClassToken }: LlavaConfig, patches: Tensor): Tensor {
  const encoded = encodeClip(step, w.vision, vision, patches)
  return keepsClassToken ? encoded : dropClassTokens(step, encoded, vision)
}

/** Features become the decoder's embeddings: [imageTokens, dim] → [imageTokens, hidden]. */
export const projectFeatures = (step: Step, w: LlavaWeights, c: LlavaConfig, features: Tensor): Tensor =>
  linear(step, linear(step, features, w.linear1, { activation: c.projectorActivation }), w.linear2)

/**
 * LLaVA-1.5 (arXiv:2310.03744): features of a CLIP vision transformer's last layer but one, through two linear layers, in place of
 * `<image>` in a Llama decoder's prompt.
 */
export const llava = defineFamily<LlavaConfig, LlavaWeights>({
  modelTypes: ['llava'],
  kinds: ['image', 'video'],
  clipTags,
  readConfig: readLlavaConfig,
  decoder: decoderShape,
  endTokens: (c) => c.endTokens,
  readWeights,
  tables: decoderTables,
  prepareImage,
  prepareEmbeds,
  expandPrompt,
  positions: (_config, prompt) => sequentialPositions(prompt),
  encode(step, weights, config, _kind, _grid, inputs) {
    const { patches } = inputs as { patches: Tensor }
    return projectFeatures(step, weights, config, encodeFeatures(step, weights, config, patches))
  },
  forward: (step, weights, config, batch, tables) => forwardDecoder(step, weights.decoder, config, batch, tables),
})
