import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { linear } from '../layers/linear.ts'
import { layerNorm } from '../layers/norm.ts'
import { visionAttention } from '../layers/vision-attention.ts'
import type { WeightReader } from '../layers/weights.ts'
import { decodeHidden, decoderShape, decoderTables, forwardDecoder, readDecoder } from './decoder.ts'
import { defineFamily } from './family.ts'
import { type Qwen2VlConfig, readQwen2VlConfig, type VisionConfig } from './qwen2-vl-config.ts'
import { expandPrompt, mropePositions, prepareEmbeds, prepareImage, prepareVideo } from './qwen2-vl-processor.ts'

/** LayerNorm epsilon of the vision tower; fixed in the reference's code, not in its config. */
const VISION_NORM_EPS = 1e-6

const readBlock = (w: WeightReader, dim: number, mlp: number) => ({
  norm1: { weight: w.tensor('norm1.weight', [dim]), bias: w.tensor('norm1.bias', [dim]) },
  qkv: w.linear({ name: 'attn.qkv', rows: 3 * dim }, dim, { role: 'encoder', bias: true }),
  proj: w.linear({ name: 'attn.proj', rows: dim }, dim, { role: 'encoder', bias: true }),
  norm2: { weight: w.tensor('norm2.weight', [dim]), bias: w.tensor('norm2.bias', [dim]) },
  fc1: w.linear({ name: 'mlp.fc1', rows: mlp }, dim, { role: 'encoder', bias: true }),
  fc2: w.linear({ name: 'mlp.fc2', rows: dim }, mlp, { role: 'encoder', bias: true }),
})

function readVision(w: WeightReader, { dim, depth, mlp, patchInputs, merged, outDim }: VisionConfig) {
  return {
    patch: w.linear({ name: 'patch_embed.proj', rows: dim }, patchInputs, { role: 'encoder' }),
    blocks: Array.from({ length: depth }, (_, i) => readBlock(w.scope(`blocks.${i}`), dim, mlp)),
    mergerNorm: { weight: w.tensor('merger.ln_q.weight', [dim]), bias: w.tensor('merger.ln_q.bias', [dim]) },
    merger0: w.linear({ name: 'merger.mlp.0', rows: merged }, merged, { role: 'encoder', bias: true }),
    merger2: w.linear({ name: 'merger.mlp.2', rows: outDim }, merged, { role: 'encoder', bias: true }),
  }
}

const readWeights = (reader: WeightReader, config: Qwen2VlConfig) => ({
  vision: readVision(reader.scope('visual'), config.vision),
  decoder: readDecoder({ model: reader.scope('model'), head: reader }, config),
})

export type Qwen2VlWeights = ReturnType<typeof readWeights>

/**
 * The vision tower before its merger. patches: [gt·gh·gw, 3·2·14·14] in 2×2-block order; cos, sin: [patches, head size / 2].
 * Attention stays within one temporal slice. Gives [patches, dim].
 */
export function encodePatches(
  step: Step,
  w: Qwen2VlWeights['vision'],
  c: VisionConfig,
  grid: readonly number[],
  inputs: PatchInputs,
): Tensor {
  const segment = (grid[1] ?? 0) * (grid[2] ?? 0)
  const { cos, sin } = inputs
  let x = linear(step, inputs.patches, w.patch)
  for (const block of w.blocks) {
    const qkv = linear(step, x, block.qkv, { norm: { ...block.norm1, epsilon: VISION_NORM_EPS } })
    const attended = visionAttention(step, qkv, { heads: c.heads, headDim: c.headDim, segment, cos, sin, next: block.proj })
    x = linear(step, attended, block.proj, { residual: x })
    const norm = { ...block.norm2, epsilon: VISION_NORM_EPS }
    x = linear(step, linear(step, x, block.fc1, { norm, activation: c.activation, next: block.fc2 }), block.fc2, { residual: x })
  }
  return x
}

/** The vision tower's inputs on the GPU: f32 patches [rows, 3·2·14·14], cos and sin [rows, head size / 2]. */
export interface PatchInputs {
  readonly patches: Tensor
  readonly cos: Tensor
  readonly sin: Tensor
}

/** Four neighbouring patches become one embedding row: [patches, dim] → [patches / 4, hidden]. */
export function mergePatches(step: Step, w: Qwen2VlWeights['vision'], c: VisionConfig, x: Tensor): Tensor {
  const normed = layerNorm(step, x, w.mergerNorm.weight, w.mergerNorm.bias, VISION_NORM_EPS)
  const rows = (x.shape[0] ?? 0) / c.mergeSize ** 2
  const merged = { ...normed, shape: [rows, c.merged] }
  return linear(step, linear(step, merged, w.merger0, { activation: 'gelu' }), w.merger2)
}

/**
 * Qwen2-VL (arXiv:2409.12191): a vision transformer with 2-D rotary positions whose 2×2 neighbours are merged into one token, and a
 * Qwen2 decoder with multimodal rotary positions.
 */
export const qwen2Vl = defineFamily<Qwen2VlConfig, Qwen2VlWeights>({
  modelTypes: ['qwen2_vl'],
  kinds: ['image', 'video'],
  readConfig: readQwen2VlConfig,
  decoder: decoderShape,
  endTokens: (c) => c.endTokens,
  readWeights,
  tables: decoderTables,
  prepareImage,
  prepareVideo,
  prepareEmbeds,
  expandPrompt,
  positions: mropePositions,
  encode(step, weights, config, _kind, grid, inputs) {
    const { vision } = config
    return mergePatches(step, weights.vision, vision, encodePatches(step, weights.vision, vision, grid, inputs as unknown as PatchInputs))
  },
  forward: (step, weights, config, batch, tables) => forwardDecoder(step, weights.decoder, config, batch, tables),
  // DSE (arXiv:2406.11251): read at an appended token; text alone comes with a black picture of 4 tokens, as it was trained.
  embedding: {
    hidden: (step, weights, config, batch, tables) => decodeHidden(step, weights.decoder, config, batch, tables),
    cuts: true,
    ending: '<|endoftext|>',
    turnMark: '<|im_start|>',
    blankPicture: 56,
  },
})
