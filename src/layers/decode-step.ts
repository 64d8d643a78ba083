import type { Abilities } from '../gpu/abilities.ts'
import type { Step } from '../gpu/step.ts'
import { reshape, type Tensor } from '../gpu/tensor.ts'
import { decodeAttended, takesDecodeAttended } from '../kernels/decode-attended.ts'
import { decodeCombine } from '../kernels/decode-combine.ts'
import { decodeEmbed } from '../kernels/decode-embed.ts'
import { decodeGateUp } from '../kernels/decode-gate-up.ts'
import { decodeHead } from '../kernels/decode-head.ts'
import { decodePlaces } from '../kernels/decode-places.ts'
import { decodeQkv } from '../kernels/decode-qkv.ts'
import { decodeResidual } from '../kernels/decode-residual.ts'
import { type DecodeVariant, decodeChunk } from '../kernels/lib/decode-code.ts'
import { pagedAttentionDecode } from '../kernels/paged-attention-decode.ts'
import { splitAttention, takesSplitAttention } from '../kernels/split-attention.ts'
import type { SelfAttentionOptions } from './attention.ts'
import type { Batch } from './batch.ts'
import type { LinearWeight } from './weights.ts'

/** One pre-norm layer: grouped-query attention and SwiGLU. Norms: f32 [hidden]. */
export interface DecodeLayer {
  readonly inputNorm: Tensor
  /** q | k | v by rows. */
  readonly qkv: LinearWeight
  readonly o: LinearWeight
  readonly postNorm: Tensor
  /** gate | up by rows. */
  readonly gateUp: LinearWeight
  readonly down: LinearWeight
}

/** A decoder, as far as a decode step goes. */
export interface DecodeModel {
  readonly embedding: LinearWeight
  readonly layers: readonly DecodeLayer[]
  readonly norm: Tensor
  readonly head: LinearWeight
}

/**
 * Most tokens of a fused step; more go through the kernels for many. On an H200 subgroup matrices take 62 µs for 16 tokens of q4
 * 1536 → 17920, and teams 58 µs for 4, 126 µs for 16.
 */
const maxTokens = ({ matrices }: Abilities): number => (matrices ? 4 : 16)
/** Most splits of attention that the product after it puts together by itself. */
const FUSED_SPLITS = 8
/** Storage buffers of the kernel that has most, decode-qkv. */
const STORAGE_BUFFERS = 9

const matricesOf = (model: DecodeModel): LinearWeight[] => [
  model.head,
  ...model.layers.flatMap(({ qkv, o, gateUp, down }) => [qkv, o, gateUp, down]),
]

/** Weights in f32 are there for exact answers: activations are then f32 too. */
const variantOf = ({ f16, subgroup }: Abilities, model: DecodeModel): DecodeVariant => ({
  act: f16 && matricesOf(model).every(({ format }) => format !== 'f32') ? 'f16' : 'f32',
  subgroup: [4, 8, 16, 32].includes(subgroup) ? subgroup : 0,
})

/**
 * Can this batch take the fused step? It must choose a token for each of up to 16 sequences on a GPU that is none in software, and all
 * matrices must be whole chunks.
 */
export function takesDecodeStep(step: Step, model: DecodeModel, batch: Batch): boolean {
  if (!batch.decode || batch.tokens > maxTokens(step.abilities) || step.software || step.abilities.storageBuffers < STORAGE_BUFFERS)
    return false
  const { act } = variantOf(step.abilities, model)
  return (
    model.norm.shape[0] !== undefined &&
    model.norm.shape[0] % 4 === 0 &&
    matricesOf(model).every(({ format, cols }) => cols % decodeChunk(format, act) === 0)
  )
}

/**
 * Embedding, layers and head of a step in which every sequence brings one token. A layer is q, k and v with norm, rotation and the cache
 * written; attention in splits; their sum and o, one dispatch for one token and few splits (fusedSplits; default 8), else two; gate and up
 * with norm; down. The residual stream is f32, and in place; norms are one
 * factor of the products that follow them. Gives f32 logits [tokens, vocabulary].
 */
export function decodeStep(
  step: Step,
  model: DecodeModel,
  batch: Batch,
  options: SelfAttentionOptions & { readonly epsilon: number; readonly fusedSplits?: number },
): Tensor {
  const { heads, epsilon, fusedSplits = FUSED_SPLITS } = options
  const variant = variantOf(step.abilities, model)
  const places = decodePlaces(step, batch, options)
  const formatAfter = (i: number) => (model.layers[i + 1]?.qkv ?? model.head).format
  const first = { norm: model.layers[0]?.inputNorm ?? model.norm, format: formatAfter(-1) }
  let { x, acts } = decodeEmbed(step, model.embedding, batch, first, variant)
  model.layers.forEach((layer, i) => {
    const kv = batch.kv[i]
    if (!kv) throw new Error(`the batch has no KV pages for layer ${i}`)
    const queries = decodeQkv(step, acts, layer.qkv, { ...kv, places, heads, epsilon }, variant)
    const attend = takesSplitAttention(step, options.headDim) ? splitAttention : pagedAttentionDecode
    const splits = attend(step, queries, kv, batch, heads, batch.kvSplits)
    const afterO = { norm: layer.postNorm, format: layer.gateUp.format }
    acts =
      batch.kvSplits <= fusedSplits && takesDecodeAttended(batch.tokens, options.headDim, layer.o, variant)
        ? decodeAttended(step, x, splits, layer.o, afterO, variant)
        : decodeResidual(step, x, decodeCombine(step, splits, layer.o.format, variant), layer.o, afterO, variant)
    const gated = decodeGateUp(step, acts, layer.gateUp, { epsilon, next: layer.down.format }, variant)
    const next = { norm: model.layers[i + 1]?.inputNorm ?? model.norm, format: formatAfter(i) }
    acts = decodeResidual(step, x, gated, layer.down, next, variant)
  })
  return reshape(decodeHead(step, acts, model.head, epsilon, variant), [batch.tokens, model.head.rows])
}
