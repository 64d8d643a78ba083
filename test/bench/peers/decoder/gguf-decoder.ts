import { encodeHalves } from '../../../../src/util/half.ts'
import { type GgufTensor, type GgufValue, ggufBytes, ggufHeader, ggufPadding } from '../formats/gguf.ts'
import type { DecoderSpec } from './bench-shape.ts'
import { codeScale, hash, randomCodes, randomWords } from './random-weights.ts'

/** Blocks of random 4-bit weights that tensors repeat, a prime: about a megabyte. */
const BLOCKS = 65_537
const BLOCK_BYTES = 18

/**
 * A GGUF file of this decoder with random q4_0 weights, in pieces: what llama.cpp loads. Its vocabulary begins with ASCII, so that a text
 * has as many tokens as characters, and answers are valid UTF-8, which llama.cpp's server needs. context: the most tokens of a sequence.
 */
export function* ggufDecoder(spec: DecoderSpec, context: number): Generator<Uint8Array> {
  const tensors = decoderTensors(spec)
  yield ggufHeader(metadata(spec, context), tensors)
  for (const tensor of tensors) {
    yield* tensor.type === 'f32' ? floatPieces(tensor) : q4Pieces(tensor)
    yield new Uint8Array(ggufPadding(ggufBytes(tensor)))
  }
}

/** Biases on q, k and v are Qwen2's; without them the decoder is a Llama. */
function metadata({ sizes, qkvBias, ropeTheta, normEps }: DecoderSpec, context: number): Record<string, GgufValue> {
  const architecture = qkvBias ? 'qwen2' : 'llama'
  const own: Record<string, GgufValue> = {
    block_count: sizes.layers,
    context_length: context,
    embedding_length: sizes.hidden,
    feed_forward_length: sizes.intermediate,
    vocab_size: sizes.vocabulary,
    'attention.head_count': sizes.heads,
    'attention.head_count_kv': sizes.kvHeads,
    'attention.key_length': sizes.headDim,
    'attention.value_length': sizes.headDim,
    'attention.layer_norm_rms_epsilon': { float: normEps },
    'rope.freq_base': { float: ropeTheta },
    'rope.dimension_count': sizes.headDim,
  }
  return {
    'general.architecture': architecture,
    'general.name': 'random weights',
    // 2: mostly q4_0.
    'general.file_type': 2,
    'general.quantization_version': 2,
    ...Object.fromEntries(Object.entries(own).map(([key, value]) => [`${architecture}.${key}`, value])),
    ...vocabulary(sizes.vocabulary),
  }
}

/** Token types of GGUF. */
const [NORMAL, CONTROL] = [1, 3] as const

function vocabulary(count: number): Record<string, GgufValue> {
  const tokens = asciiNames()
  while (tokens.length < count - 2) tokens.push(`<w${tokens.length}>`)
  tokens.push('<|begin|>', '<|end|>')
  return {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'qwen2',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': Int32Array.from(tokens, (_, i) => (i < count - 2 ? NORMAL : CONTROL)),
    // At least one is expected; it joins two characters that no text has.
    'tokenizer.ggml.merges': ['\u0100 \u0101'],
    'tokenizer.ggml.bos_token_id': count - 2,
    'tokenizer.ggml.eos_token_id': count - 1,
    'tokenizer.ggml.add_bos_token': false,
    'tokenizer.chat_template': "{% for message in messages %}{{ message['content'] }}{% endfor %}",
  }
}

/** How byte-level vocabularies write ASCII: printable characters as themselves, others as the characters from U+0100 on. */
function asciiNames(): string[] {
  let next = 256
  return Array.from({ length: 128 }, (_, byte) => String.fromCodePoint(byte > 32 && byte < 127 ? byte : next++))
}

function decoderTensors({ sizes, qkvBias }: DecoderSpec): GgufTensor[] {
  const { hidden, layers, heads, kvHeads, headDim, intermediate, vocabulary: words, tied } = sizes
  const matrix = (name: string, rows: number, columns: number): GgufTensor => ({
    name: `${name}.weight`,
    shape: [columns, rows],
    type: 'q4_0',
  })
  const vector = (name: string, length: number): GgufTensor => ({ name, shape: [length], type: 'f32' })
  const [q, kv] = [heads * headDim, kvHeads * headDim]
  const layer = (i: number): GgufTensor[] => {
    const at = `blk.${i}.`
    const biases = qkvBias ? [vector(`${at}attn_q.bias`, q), vector(`${at}attn_k.bias`, kv), vector(`${at}attn_v.bias`, kv)] : []
    return [
      vector(`${at}attn_norm.weight`, hidden),
      matrix(`${at}attn_q`, q, hidden),
      matrix(`${at}attn_k`, kv, hidden),
      matrix(`${at}attn_v`, kv, hidden),
      ...biases,
      matrix(`${at}attn_output`, hidden, q),
      vector(`${at}ffn_norm.weight`, hidden),
      matrix(`${at}ffn_gate`, intermediate, hidden),
      matrix(`${at}ffn_up`, intermediate, hidden),
      matrix(`${at}ffn_down`, hidden, intermediate),
    ]
  }
  return [
    matrix('token_embd', words, hidden),
    ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
    vector('output_norm.weight', hidden),
    ...(tied ? [] : [matrix('output', words, hidden)]),
  ]
}

function* floatPieces({ name, shape: [length = 0] }: GgufTensor): Generator<Uint8Array> {
  const mean = name.endsWith('norm.weight') ? 1 : 0
  const next = randomWords(hash(name))
  const values = Float32Array.from({ length }, () => mean + 0.1 * (next() / 2 ** 32 - 0.5))
  yield new Uint8Array(values.buffer)
}

const patterns = new Map<number, Uint8Array>()

/** The pattern of random blocks with this scale. */
function pattern(scale: number): Uint8Array {
  let blocks = patterns.get(scale)
  if (!blocks) {
    blocks = randomCodes(Math.ceil((BLOCKS * BLOCK_BYTES) / 4) * 4).subarray(0, BLOCKS * BLOCK_BYTES)
    const half = new Uint8Array(encodeHalves([scale]).buffer)
    for (let at = 0; at < blocks.length; at += BLOCK_BYTES) blocks.set(half, at)
    patterns.set(scale, blocks)
  }
  return blocks
}

function* q4Pieces(tensor: GgufTensor): Generator<Uint8Array> {
  const blocks = pattern(codeScale(tensor.shape[0] ?? 1, /^(token_embd|output)\./.test(tensor.name)))
  let at = (hash(tensor.name) % BLOCKS) * BLOCK_BYTES
  for (let left = ggufBytes(tensor); left > 0; at = 0) {
    const piece = blocks.subarray(at, at + left)
    yield piece
    left -= piece.length
  }
}
