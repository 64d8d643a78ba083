import { encodeHalves } from '../../../../src/util/half.ts'
import { inverseFrequencies, ropeTable } from '../../../../src/util/rope-table.ts'
import {
  MICROSOFT,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxNode,
  type OnnxPort,
  type OnnxTensor,
  type TensorBytes,
} from '../formats/onnx.ts'
import type { DecoderSpec } from './bench-shape.ts'

/** Values that share a scale. */
export const Q4_GROUP = 32

/**
 * A weight matrix: floats; 4-bit codes less 8 with a scale for each group of 32; or int8 with one scale, by which activations are rounded
 * too. Floats and int8 of a product are [columns, rows].
 */
export type Matrix =
  | { readonly kind: 'float'; readonly values: TensorBytes }
  /** scale: an f32. */
  | { readonly kind: 'q8'; readonly values: TensorBytes; readonly scale: TensorBytes }
  /** codes: [rows, columns / 32, 16 bytes]; scales: [rows, columns / 32], in the graph's type. */
  | { readonly kind: 'q4'; readonly codes: TensorBytes; readonly scales: TensorBytes }

/** Where a decoder's weights come from. Names: embed, head, norm, layers.0.qkv, .qkv_bias, .o, .gate, .up, .down, .input_norm, .post_norm. */
export interface DecoderWeights {
  /** Multiplied from the left: y = W x. */
  matrix(name: string, rows: number, columns: number): Matrix
  /** Rows are picked; floats are [rows, columns]. */
  table(name: string, rows: number, columns: number): Matrix
  vector(name: string, length: number): TensorBytes
}

/** How the graph is made. */
export interface DecoderPlan extends DecoderSpec {
  /** Type of activations, of keys and values and of scales. */
  readonly type: 'float32' | 'float16'
  /** Rows of the rotary tables: the most tokens of a sequence. */
  readonly positions: number
  /** 'mask': an attention mask says how long the sequence is, as transformers.js has it. 'given': the two numbers are inputs themselves. */
  readonly lengths: 'mask' | 'given'
  readonly weights: DecoderWeights
}

/**
 * A Llama-style decoder with the operators of onnxruntime's own model builder: input_ids [1, tokens] and the cache's
 * past_key_values.N.{key,value} [1, kvHeads, past, headDim] to logits [1, 1, vocabulary] of the last token and present.N.{key,value}. The
 * operators' shapes are those of onnxruntime's docs/ContribOperators.md.
 */
export function decoderGraph(plan: DecoderPlan): OnnxGraph {
  const graph = new GraphParts(plan)
  const { sizes, lengths } = plan
  graph.input('input_ids', 'int64', ['batch_size', 'sequence_length'])
  const total = lengths === 'mask' ? maskLengths(graph) : givenLengths(graph)
  const rotary = rotaryTables(graph)
  let x = graph.gather('embed', 'input_ids', sizes.vocabulary, sizes.hidden)
  let normed = graph.norm(x, 'layers.0.input_norm')
  for (let layer = 0; layer < sizes.layers; layer++) {
    const at = `layers.${layer}`
    const attended = attention(graph, normed, layer, [...total, ...rotary])
    const o = graph.product(attended, `${at}.o`, sizes.hidden, sizes.heads * sizes.headDim)
    const middle = graph.skipNorm(x, o, `${at}.post_norm`)
    const down = gatedMlp(graph, middle.normed, at)
    const last = layer === sizes.layers - 1
    const next = graph.skipNorm(middle.sum, down, last ? 'norm' : `layers.${layer + 1}.input_norm`, !last)
    x = next.sum
    normed = next.normed
  }
  // Only the last token's logits are needed, whatever the prompt's length.
  const lastRow = graph.node(
    'Gather',
    [
      normed,
      graph.constant(
        'last',
        'int64',
        [1],
        Uint8Array.from({ length: 8 }, () => 0xff),
      ),
    ],
    { axis: 1 },
  )
  graph.output(graph.product(lastRow, 'head', sizes.vocabulary, sizes.hidden, 'logits'), [1, 1, sizes.vocabulary])
  return graph.finish()
}

/** The sequence's last position and its length, from the mask's size. */
function maskLengths(graph: GraphParts): string[] {
  graph.input('attention_mask', 'int64', ['batch_size', 'total_sequence_length'])
  const one = graph.constant('one', 'int64', [1], new Uint8Array(BigInt64Array.of(1n).buffer))
  const sum = graph.node('ReduceSum', ['attention_mask', one], { keepdims: 0 })
  const last = graph.node('Cast', [graph.node('Sub', [sum, one])], { to: 6 })
  const index = graph.constant('length_axis', 'int64', [], new Uint8Array(BigInt64Array.of(1n).buffer))
  const length = graph.node('Gather', [graph.node('Shape', ['attention_mask']), index], { axis: 0 })
  return [last, graph.node('Cast', [length], { to: 6 })]
}

function givenLengths(graph: GraphParts): string[] {
  graph.input('seqlens_k', 'int32', ['batch_size'])
  graph.input('total_sequence_length', 'int32', [1])
  return ['seqlens_k', 'total_sequence_length']
}

function rotaryTables(graph: GraphParts): string[] {
  const { sizes, ropeTheta, positions } = graph.plan
  const { cos, sin } = ropeTable(inverseFrequencies(sizes.headDim, ropeTheta), positions)
  const shape = [positions, sizes.headDim / 2]
  return [
    graph.constant('cos', graph.plan.type, shape, graph.encode(cos)),
    graph.constant('sin', graph.plan.type, shape, graph.encode(sin)),
  ]
}

function attention(graph: GraphParts, x: string, layer: number, lengthsAndTables: readonly string[]): string {
  const { sizes, type, qkvBias } = graph.plan
  const { hidden, heads, kvHeads, headDim } = sizes
  const at = `layers.${layer}`
  const qkv = graph.product(x, `${at}.qkv`, (heads + 2 * kvHeads) * headDim, hidden, undefined, qkvBias)
  const names = ['key', 'value'].map((part) => `${layer}.${part}`)
  for (const name of names) graph.input(`past_key_values.${name}`, type, ['batch_size', kvHeads, 'past_sequence_length', headDim])
  const presents = names.map((name) => `present.${name}`)
  for (const name of presents) graph.output(name, ['batch_size', kvHeads, 'total_sequence_length', headDim])
  const attended = `${at}.attended`
  graph.add({
    operator: 'GroupQueryAttention',
    domain: MICROSOFT,
    inputs: [qkv, '', '', ...names.map((name) => `past_key_values.${name}`), ...lengthsAndTables],
    outputs: [attended, ...presents],
    attributes: {
      num_heads: heads,
      kv_num_heads: kvHeads,
      scale: { float: 1 / Math.sqrt(headDim) },
      do_rotary: 1,
      rotary_interleaved: 0,
      local_window_size: -1,
    },
  })
  return attended
}

/** down(silu(gate x) · up x), in the pattern that onnxruntime fuses. */
function gatedMlp(graph: GraphParts, x: string, at: string): string {
  const { hidden, intermediate } = graph.plan.sizes
  const gate = graph.product(x, `${at}.gate`, intermediate, hidden)
  const up = graph.product(x, `${at}.up`, intermediate, hidden)
  const silu = graph.node('Mul', [gate, graph.node('Sigmoid', [gate])])
  return graph.product(graph.node('Mul', [silu, up]), `${at}.down`, hidden, intermediate)
}

/** A graph while it grows. */
class GraphParts {
  readonly plan: DecoderPlan
  readonly #nodes: OnnxNode[] = []
  readonly #constants: OnnxTensor[] = []
  readonly #inputs: OnnxPort[] = []
  readonly #outputs: OnnxPort[] = []

  constructor(plan: DecoderPlan) {
    this.plan = plan
  }

  input(name: string, type: OnnxPort['type'], shape: OnnxPort['shape']): void {
    this.#inputs.push({ name, type, shape })
  }

  output(name: string, shape: OnnxPort['shape']): void {
    this.#outputs.push({ name, type: this.plan.type, shape })
  }

  add(node: OnnxNode): void {
    this.#nodes.push(node)
  }

  /** A node with one output; gives its name. */
  node(
    operator: string,
    inputs: readonly string[],
    attributes: Record<string, OnnxAttribute> = {},
    name?: string,
    domain?: string,
  ): string {
    const output = name ?? `${operator.toLowerCase()}.${this.#nodes.length}`
    this.add({ operator, inputs, outputs: [output], attributes, ...(domain !== undefined && { domain }) })
    return output
  }

  constant(name: string, type: OnnxTensor['type'], shape: readonly number[], bytes: TensorBytes): string {
    this.#constants.push({ name, type, shape, bytes })
    return name
  }

  /** f32 values as the graph holds them. */
  encode(values: Float32Array): Uint8Array {
    const { buffer, byteOffset, byteLength } = this.plan.type === 'float16' ? encodeHalves(values) : values
    return new Uint8Array(buffer, byteOffset, byteLength)
  }

  vector(name: string, length: number): string {
    return this.constant(name, this.plan.type, [length], this.plan.weights.vector(name, length))
  }

  /** W x (+ bias). */
  product(x: string, name: string, rows: number, columns: number, output = `${name}.y`, bias = false): string {
    const { type, weights } = this.plan
    const matrix = weights.matrix(name, rows, columns)
    const added = bias ? this.vector(`${name}_bias`, rows) : ''
    if (matrix.kind === 'float') {
      const values = this.constant(name, type, [columns, rows], matrix.values)
      if (!bias) return this.node('MatMul', [x, values], {}, output)
      return this.node('Add', [this.node('MatMul', [x, values]), added], {}, output)
    }
    if (matrix.kind === 'q8') {
      const product = this.integerProduct(x, name, [columns, rows], matrix, bias ? undefined : output)
      return bias ? this.node('Add', [product, added], {}, output) : product
    }
    const groups = columns / Q4_GROUP
    const codes = this.constant(`${name}.codes`, 'uint8', [rows, groups, Q4_GROUP / 2], matrix.codes)
    const scales = this.constant(`${name}.scales`, type, [rows * groups], matrix.scales)
    // Left out between them: zero points (then 8) and an order of columns. 4: activations may be rounded to 8 bits.
    const inputs = bias ? [x, codes, scales, '', '', added] : [x, codes, scales]
    const attributes = { K: columns, N: rows, bits: 4, block_size: Q4_GROUP, accuracy_level: 4 }
    return this.node('MatMulNBits', inputs, attributes, output, MICROSOFT)
  }

  /** W x in 8 bits, as onnxruntime's dynamic quantization writes it. */
  integerProduct(
    x: string,
    name: string,
    shape: readonly number[],
    { values, scale }: Extract<Matrix, { kind: 'q8' }>,
    output?: string,
  ): string {
    const [codes, step, zero] = ['codes', 'step', 'zero'].map((part) => `${name}.x.${part}`) as [string, string, string]
    this.add({ operator: 'DynamicQuantizeLinear', inputs: [x], outputs: [codes, step, zero] })
    const weights = [this.constant(name, 'int8', shape, values), this.constant(`${name}.zero`, 'int8', [], Uint8Array.of(0))] as const
    const sums = this.node('Cast', [this.node('MatMulInteger', [codes, weights[0], zero, weights[1]])], { to: 1 })
    const steps = this.node('Mul', [step, this.constant(`${name}.step`, 'float32', [], scale)])
    return this.node('Mul', [sums, steps], {}, output)
  }

  /** Rows of a table by their numbers. */
  gather(name: string, ids: string, rows: number, columns: number): string {
    const { type, weights } = this.plan
    const table = weights.table(name, rows, columns)
    if (table.kind === 'q8') throw new Error(`${name} is a table; tables are floats or 4 bits`)
    if (table.kind === 'float') return this.node('Gather', [this.constant(name, type, [rows, columns], table.values), ids], { axis: 0 })
    const codes = this.constant(`${name}.codes`, 'uint8', [rows, columns / 2], table.codes)
    const scales = this.constant(`${name}.scales`, type, [rows, columns / Q4_GROUP], table.scales)
    const attributes = { gather_axis: 0, quantize_axis: 1, block_size: Q4_GROUP, bits: 4 }
    return this.node('GatherBlockQuantized', [codes, ids, scales], attributes, undefined, MICROSOFT)
  }

  norm(x: string, name: string): string {
    const attributes = { axis: -1, epsilon: { float: this.plan.normEps }, stash_type: 1 }
    return this.node('SimplifiedLayerNormalization', [x, this.vector(name, this.plan.sizes.hidden)], attributes)
  }

  /** norm(x + y), and the sum if it is needed. */
  skipNorm(x: string, y: string, name: string, withSum = true): { normed: string; sum: string } {
    const [normed, sum] = [`${name}.y`, `${name}.sum`]
    this.add({
      operator: 'SkipSimplifiedLayerNormalization',
      domain: MICROSOFT,
      inputs: [x, y, this.vector(name, this.plan.sizes.hidden)],
      outputs: withSum ? [normed, '', '', sum] : [normed],
      attributes: { epsilon: { float: this.plan.normEps } },
    })
    return { normed, sum }
  }

  finish(): OnnxGraph {
    return { name: 'decoder', nodes: this.#nodes, constants: this.#constants, inputs: this.#inputs, outputs: this.#outputs }
  }
}
