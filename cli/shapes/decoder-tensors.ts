import { bias, type DecoderSizes, type Json, matrix, norm, repeat, type ShapeTensor } from './shape.ts'

/** A decoder's sizes from the keys that Llama-like configs share. */
export function decoderSizes(config: Json): DecoderSizes {
  const number = (key: string, fallback?: number): number => Number(config[key] ?? fallback)
  const heads = number('num_attention_heads')
  const hidden = number('hidden_size')
  return {
    hidden,
    heads,
    layers: number('num_hidden_layers'),
    kvHeads: number('num_key_value_heads', heads),
    headDim: hidden / heads,
    intermediate: number('intermediate_size'),
    vocabulary: number('vocab_size'),
    tied: config['tie_word_embeddings'] === true,
    maxPositions: number('max_position_embeddings'),
  }
}

/** How a family writes its decoder. */
export interface DecoderNames {
  /** Before `embed_tokens`, `layers` and `norm`, with its dot. */
  readonly model: string
  /** Before `lm_head`. */
  readonly head: string
  readonly qkvBias?: boolean
  /** q, k, v and gate, up are one tensor each, as in Phi-3. */
  readonly fused?: boolean
}

/** The tensors of a Llama-style decoder. */
export function decoderTensors(sizes: DecoderSizes, names: DecoderNames): ShapeTensor[] {
  const { hidden, layers, vocabulary, tied } = sizes
  const table = (name: string): ShapeTensor => ({ name, shape: [vocabulary, hidden], fill: 'vocabulary' })
  return [
    table(`${names.model}embed_tokens.weight`),
    ...repeat(layers, (i) => layerTensors(`${names.model}layers.${i}.`, sizes, names)),
    norm(`${names.model}norm.weight`, hidden),
    ...(tied ? [] : [table(`${names.head}lm_head.weight`)]),
  ]
}

function layerTensors(at: string, sizes: DecoderSizes, { qkvBias = false, fused = false }: DecoderNames): ShapeTensor[] {
  const { hidden, heads, kvHeads, headDim, intermediate } = sizes
  const [q, kv] = [heads * headDim, kvHeads * headDim]
  const projections: [string, number][] = fused
    ? [['qkv_proj', q + 2 * kv]]
    : [
        ['q_proj', q],
        ['k_proj', kv],
        ['v_proj', kv],
      ]
  const inner: [string, number][] = fused
    ? [['gate_up_proj', 2 * intermediate]]
    : [
        ['gate_proj', intermediate],
        ['up_proj', intermediate],
      ]
  return [
    norm(`${at}input_layernorm.weight`, hidden),
    ...projections.map(([name, rows]) => matrix(`${at}self_attn.${name}.weight`, rows, hidden)),
    ...(qkvBias ? projections.map(([name, rows]) => bias(`${at}self_attn.${name}.bias`, rows)) : []),
    matrix(`${at}self_attn.o_proj.weight`, hidden, q),
    norm(`${at}post_attention_layernorm.weight`, hidden),
    ...inner.map(([name, rows]) => matrix(`${at}mlp.${name}.weight`, rows, hidden)),
    matrix(`${at}mlp.down_proj.weight`, hidden, intermediate),
  ]
}
