import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { selfAttention } from '../layers/attention.ts'
import type { Batch } from '../layers/batch.ts'
import { embed, selectRows } from '../layers/embedding.ts'
import { gatedLinear, linear } from '../layers/linear.ts'
import { layerNorm, rmsNorm } from '../layers/norm.ts'
import { visionAttention } from '../layers/vision-attention.ts'
import type { WeightReader } from '../layers/weights.ts'
import { inverseFrequencies, ropeTable } from '../util/rope-table.ts'
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

function readLayer(w: WeightReader, { hidden, intermediate, heads, kvHeads, headDim }: Qwen2VlConfig) {
  const attn = w.scope('self_attn')
  const mlp = w.scope('mlp')
  const kvRows = kvHeads * headDim
  return {
    inputNorm: w.tensor('input_layernorm.weight', [hidden]),
    qkv: attn.linear(
      [
        { name: 'q_proj', rows: heads * headDim },
        { name: 'k_proj', rows: kvRows },
        { name: 'v_proj', rows: kvRows },
      ],
      hidden,
      { role: 'layer', bias: true },
    ),
    o: attn.linear({ name: 'o_proj', rows: hidden }, heads * headDim, { role: 'layer' }),
    postNorm: w.tensor('post_attention_layernorm.weight', [hidden]),
    gateUp: mlp.linear(
      [
        { name: 'gate_proj', rows: intermediate },
        { name: 'up_proj', rows: intermediate },
      ],
      hidden,
      { role: 'layer' },
    ),
    down: mlp.linear({ name: 'down_proj', rows: hidden }, intermediate, { role: 'layer' }),
  }
}

function readWeights(reader: WeightReader, config: Qwen2VlConfig) {
  const model = reader.scope('model')
  const embedding = model.linear({ name: 'embed_tokens', rows: config.vocabulary }, config.hidden, { role: 'table' })
  return {
    vision: readVision(reader.scope('visual'), config.vision),
    embedding,
    layers: Array.from({ length: config.layers }, (_, i) => readLayer(model.scope(`layers.${i}`), config)),
    norm: model.tensor('norm.weight', [config.hidden]),
    head: config.tied ? embedding : reader.linear({ name: 'lm_head', rows: config.vocabulary }, config.hidden, { role: 'table' }),
  }
}

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
    const qkv = linear(step, layerNorm(step, x, block.norm1.weight, block.norm1.bias, VISION_NORM_EPS), block.qkv)
    const attended = visionAttention(step, qkv, { heads: c.heads, headDim: c.headDim, segment, cos, sin })
    x = linear(step, attended, block.proj, { residual: x })
    const h = layerNorm(step, x, block.norm2.weight, block.norm2.bias, VISION_NORM_EPS)
    x = linear(step, linear(step, h, block.fc1, { activation: c.activation }), block.fc2, { residual: x })
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

/** Embedding, pre-norm decoder layers with grouped-query attention and SwiGLU, final norm and head on the sampled rows. */
function forward(step: Step, w: Qwen2VlWeights, c: Qwen2VlConfig, batch: Batch, tables: Readonly<Record<string, Tensor>>): Tensor {
  const { cos, sin } = tables as { cos: Tensor; sin: Tensor }
  const rope = { heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim, sections: c.sections, cos, sin }
  let x = embed(step, w.embedding, batch)
  w.layers.forEach((layer, i) => {
    const kv = batch.kv[i]
    if (!kv) throw new Error(`the batch has no KV pages for layer ${i}`)
    const qkv = linear(step, rmsNorm(step, x, layer.inputNorm, c.rmsNormEps), layer.qkv)
    x = linear(step, selfAttention(step, qkv, kv, batch, rope), layer.o, { residual: x })
    const gated = gatedLinear(step, rmsNorm(step, x, layer.postNorm, c.rmsNormEps), layer.gateUp)
    x = linear(step, gated, layer.down, { residual: x })
  })
  return linear(step, rmsNorm(step, selectRows(step, x, batch.sampleIndex), w.norm, c.rmsNormEps), w.head)
}

/**
 * Qwen2-VL (arXiv:2409.12191): a vision transformer with 2-D rotary positions whose 2×2 neighbours are merged into one token, and a
 * Qwen2 decoder with multimodal rotary positions.
 */
export const qwen2Vl = defineFamily<Qwen2VlConfig, Qwen2VlWeights>({
  modelTypes: ['qwen2_vl'],
  kinds: ['image', 'video'],
  readConfig: readQwen2VlConfig,
  decoder: (c) => ({
    layers: c.layers,
    kvHeads: c.kvHeads,
    headDim: c.headDim,
    hidden: c.hidden,
    vocabulary: c.vocabulary,
    maxPositions: c.maxPositions,
  }),
  endTokens: (c) => c.endTokens,
  readWeights,
  tables(c, maxLength) {
    const { cos, sin } = ropeTable(inverseFrequencies(c.headDim, c.ropeTheta), maxLength)
    const shape = [maxLength, c.headDim / 2]
    return { cos: { data: cos, shape }, sin: { data: sin, shape } }
  },
  prepareImage,
  prepareVideo,
  prepareEmbeds,
  expandPrompt,
  positions: mropePositions,
  encode(step, weights, config, _kind, grid, inputs) {
    const { vision } = config
    return mergePatches(step, weights.vision, vision, encodePatches(step, weights.vision, vision, grid, inputs as unknown as PatchInputs))
  },
  forward,
})
