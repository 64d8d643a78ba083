import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { type SelfAttentionOptions, selfAttention } from '../layers/attention.ts'
import type { Batch } from '../layers/batch.ts'
import { batchStep, takesBatchStep } from '../layers/batch-step.ts'
import { type DecodeLayer, type DecodeModel, decodeStep, takesDecodeStep } from '../layers/decode-step.ts'
import { embed, selectRows } from '../layers/embedding.ts'
import { gatedLinear, linear } from '../layers/linear.ts'
import { rmsNorm } from '../layers/norm.ts'
import type { LinearPart, WeightReader } from '../layers/weights.ts'
import { inverseFrequencies, ropeTable } from '../util/rope-table.ts'
import type { DecoderConfig } from './decoder-config.ts'
import type { DecoderShape, HostArray } from './family.ts'

/** A Llama-style decoder's weights. */
export type DecoderWeights = DecodeModel

/** Where a decoder's tensors stand. */
export interface DecoderScopes {
  /** Holds embed_tokens, layers.0…, norm. */
  readonly model: WeightReader
  /** Holds lm_head; not asked when the head is the embedding. */
  readonly head: WeightReader
}

function readLayer(w: WeightReader, config: DecoderConfig): DecodeLayer {
  const { hidden, intermediate, heads, kvHeads, headDim, qkvBias: bias, fused } = config
  const attn = w.scope('self_attn')
  const mlp = w.scope('mlp')
  const kvRows = kvHeads * headDim
  const qkv: readonly LinearPart[] = fused
    ? [{ name: 'qkv_proj', rows: (heads + 2 * kvHeads) * headDim }]
    : [
        { name: 'q_proj', rows: heads * headDim },
        { name: 'k_proj', rows: kvRows },
        { name: 'v_proj', rows: kvRows },
      ]
  const gateUp: readonly LinearPart[] = fused
    ? [{ name: 'gate_up_proj', rows: 2 * intermediate }]
    : [
        { name: 'gate_proj', rows: intermediate },
        { name: 'up_proj', rows: intermediate },
      ]
  return {
    inputNorm: w.tensor('input_layernorm.weight', [hidden]),
    qkv: attn.linear(qkv, hidden, { role: 'layer', bias }),
    o: attn.linear({ name: 'o_proj', rows: hidden }, heads * headDim, { role: 'layer' }),
    postNorm: w.tensor('post_attention_layernorm.weight', [hidden]),
    gateUp: mlp.linear(gateUp, hidden, { role: 'layer' }),
    down: mlp.linear({ name: 'down_proj', rows: hidden }, intermediate, { role: 'layer' }),
  }
}

/** Declares the weights of a decoder. */
export function readDecoder({ model, head }: DecoderScopes, config: DecoderConfig): DecoderWeights {
  const { vocabulary, hidden, layers, tied } = config
  const embedding = model.linear({ name: 'embed_tokens', rows: vocabulary }, hidden, { role: 'table' })
  return {
    embedding,
    layers: Array.from({ length: layers }, (_, i) => readLayer(model.scope(`layers.${i}`), config)),
    norm: model.tensor('norm.weight', [hidden]),
    head: tied ? embedding : head.linear({ name: 'lm_head', rows: vocabulary }, hidden, { role: 'table' }),
  }
}

/** What the engine must know of it to lay out its caches. */
export const decoderShape = ({ layers, kvHeads, headDim, hidden, vocabulary, maxPositions }: DecoderConfig): DecoderShape => ({
  layers,
  kvHeads,
  headDim,
  hidden,
  vocabulary,
  maxPositions,
})

/** Tables of the rotary angles for positions 0…maxLength−1, f32 [maxLength, headDim / 2]. frequencies: unscaled unless given. */
export function decoderTables(
  { headDim, ropeTheta }: DecoderConfig,
  maxLength: number,
  frequencies: Float64Array = inverseFrequencies(headDim, ropeTheta),
): { cos: HostArray; sin: HostArray } {
  const { cos, sin } = ropeTable(Float64Array.from(frequencies), maxLength)
  const shape = [maxLength, headDim / 2]
  return { cos: { data: cos, shape }, sin: { data: sin, shape } }
}

/**
 * Embedding, pre-norm decoder layers with grouped-query attention and SwiGLU, final norm and head on the sampled rows.
 * tables: cos and sin, f32 [positions, headDim / 2]. Gives f32 logits [batch.sampleRows, vocabulary].
 */
export function forwardDecoder(
  step: Step,
  w: DecoderWeights,
  c: DecoderConfig,
  batch: Batch,
  tables: Readonly<Record<string, Tensor>>,
): Tensor {
  const options = { ...attentionOptions(c, tables), epsilon: c.rmsNormEps }
  if (takesBatchStep(step, w, batch, options)) return batchStep(step, w, batch, options)
  if (takesDecodeStep(step, w, batch)) return decodeStep(step, w, batch, options)
  return linear(step, decodeHidden(step, w, c, batch, tables), w.head)
}

function attentionOptions(
  { heads, kvHeads, headDim, sections }: DecoderConfig,
  tables: Readonly<Record<string, Tensor>>,
): SelfAttentionOptions {
  const { cos, sin } = tables as { cos: Tensor; sin: Tensor }
  return { heads, kvHeads, headDim, sections, cos, sin }
}

/** The same up to the final norm: f32 [batch.sampleRows, hidden], what embedding models pool. */
export function decodeHidden(
  step: Step,
  w: DecoderWeights,
  c: DecoderConfig,
  batch: Batch,
  tables: Readonly<Record<string, Tensor>>,
): Tensor {
  const rope = attentionOptions(c, tables)
  let x = embed(step, w.embedding, batch)
  w.layers.forEach((layer, i) => {
    const kv = batch.kv[i]
    if (!kv) throw new Error(`the batch has no KV pages for layer ${i}`)
    const { qkv, o, gateUp, down } = layer
    const heads = linear(step, x, qkv, { norm: { weight: layer.inputNorm, epsilon: c.rmsNormEps } })
    x = linear(step, selfAttention(step, heads, kv, batch, { ...rope, next: o }), o, { residual: x })
    const gated = gatedLinear(step, x, gateUp, { norm: { weight: layer.postNorm, epsilon: c.rmsNormEps }, next: down })
    x = linear(step, gated, down, { residual: x })
  })
  return rmsNorm(step, selectRows(step, x, batch.sampleIndex), w.norm, c.rmsNormEps)
}
