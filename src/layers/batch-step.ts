import type { Step } from '../gpu/step.ts'
import { reshape, type Tensor } from '../gpu/tensor.ts'
import { batchGateUp } from '../kernels/batch-gate-up.ts'
import { batchHead } from '../kernels/batch-head.ts'
import { batchQkv } from '../kernels/batch-qkv.ts'
import { batchResidual } from '../kernels/batch-residual.ts'
import { decodeCombine } from '../kernels/decode-combine.ts'
import { decodeEmbed } from '../kernels/decode-embed.ts'
import { decodePlaces } from '../kernels/decode-places.ts'
import type { Acts, DecodeVariant } from '../kernels/lib/decode-code.ts'
import { takesSkinny } from '../kernels/lib/skinny-code.ts'
import { pagedAttentionDecode } from '../kernels/paged-attention-decode.ts'
import { splitAttention, takesSplitAttention } from '../kernels/split-attention.ts'
import type { SelfAttentionOptions } from './attention.ts'
import type { Batch } from './batch.ts'
import type { DecodeModel } from './decode-step.ts'

/** Fewest tokens: for fewer the kernels of decodeStep are faster (on an H200 4.1 ms for 4 in place of 4.2, 5.8 ms for 8 in place of 4.3). */
const FEWEST_TOKENS = 5
/** Most tokens: more go through the kernels for many. */
const MOST_TOKENS = 32
/** Storage buffers of the kernel that has most, batch-qkv. */
const STORAGE_BUFFERS = 9

/** Activations lie in order, as for products that read eight columns at a time. */
const IN_ORDER = 'f16'

/** Can this batch take batchStep? Every sequence must choose a token, on a GPU with subgroup matrices; no weight is f32, and pages are f16. */
export function takesBatchStep(step: Step, model: DecodeModel, batch: Batch, { headDim }: { headDim: number }): boolean {
  const { software, abilities } = step
  if (!batch.decode || batch.tokens < FEWEST_TOKENS || batch.tokens > MOST_TOKENS || software) return false
  if (abilities.storageBuffers < STORAGE_BUFFERS || headDim % 32 !== 0 || batch.kv.some(({ k }) => k.dtype !== 'f16')) return false
  const weights = [model.head, ...model.layers.flatMap(({ qkv, o, gateUp, down }) => [qkv, o, gateUp, down])]
  return weights.every((weight) => takesSkinny(weight, abilities))
}

/**
 * Embedding, layers and head of a step in which a few sequences bring one token each, every weight read once. A layer is six dispatches:
 * q, k and v with norm, rotation and the cache written; attention in splits; their sum; o; gate and up with norm; down. The residual stream
 * is f32, and in place; norms are one factor of the products that follow them. Gives f32 logits [tokens, vocabulary].
 */
export function batchStep(
  step: Step,
  model: DecodeModel,
  batch: Batch,
  options: SelfAttentionOptions & { readonly epsilon: number },
): Tensor {
  const { heads, epsilon } = options
  const variant: DecodeVariant = { act: 'f16', subgroup: step.abilities.subgroup }
  const places = decodePlaces(step, batch, options)
  const first = { norm: model.layers[0]?.inputNorm ?? model.norm, format: IN_ORDER } as const
  let { x, acts } = decodeEmbed(step, model.embedding, batch, first, variant)
  const attend = takesSplitAttention(step, options.headDim) ? splitAttention : pagedAttentionDecode
  model.layers.forEach((layer, i) => {
    const kv = batch.kv[i]
    if (!kv) throw new Error(`the batch has no KV pages for layer ${i}`)
    const queries = batchQkv(step, normed(acts, epsilon), layer.qkv, { ...kv, places, heads })
    const splits = attend(step, queries, kv, batch, heads, batch.kvSplits)
    const attended = decodeCombine(step, splits, IN_ORDER, variant).values
    acts = batchResidual(step, x, attended, layer.o, layer.postNorm)
    const gated = batchGateUp(step, normed(acts, epsilon), layer.gateUp)
    acts = batchResidual(step, x, gated, layer.down, model.layers[i + 1]?.inputNorm ?? model.norm)
  })
  return reshape(batchHead(step, normed(acts, epsilon), model.head), [batch.tokens, model.head.rows])
}

/** A product's input with what its norm needs. */
function normed({ values, squares }: Acts, epsilon: number) {
  if (!squares) throw new Error('a norm needs the squares of its input')
  return { values, squares, epsilon }
}
