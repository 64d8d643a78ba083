import { describe, expect, it } from 'vitest'
import { type BenchShape, benchShapes, q4Bytes } from '../../bench/peers/decoder/bench-shape.ts'
import { quantized } from '../../bench/peers/decoder/checkpoint-weights.ts'
import { decoderGraph } from '../../bench/peers/decoder/decoder-graph.ts'
import { RandomWeights } from '../../bench/peers/decoder/random-weights.ts'
import type { OnnxGraph, OnnxTensor } from '../../bench/peers/formats/onnx.ts'
import { randomFloats } from '../../support/random.ts'

const byName = (name: string): BenchShape => benchShapes.find((shape) => shape.name === name) as BenchShape

function graphOf(name: string, lengths: 'mask' | 'given' = 'given', tables: 'q4' | 'float' = 'q4') {
  const weights = new RandomWeights('float16', tables)
  const graph = decoderGraph({ ...byName(name), type: 'float16', positions: 8, lengths, weights })
  return { graph, weights }
}

const lengthOf = ({ bytes }: OnnxTensor): number => bytes.length
const bytesWhere = (graph: OnnxGraph, wanted: (name: string) => boolean): number =>
  graph.constants.filter(({ name }) => wanted(name)).reduce((sum, tensor) => sum + lengthOf(tensor), 0)

describe('shapes', () => {
  it.each([
    ['tiny', 'tiny_qwen2vl_2b', true, 1e6],
    ['qwen2vl_2b', 'qwen2vl_2b', true, 1e6],
    ['llava_7b', 'llava_7b', false, 1e4],
    ['phi35v', 'phi35v', false, 1e4],
    ['minicpm_8b', 'minicpm_8b', true, 1e6],
    ['ultravox_8b', 'ultravox_8b', false, 5e5],
  ])('%s is the decoder of %s', (name, ocellus, qkvBias, ropeTheta) => {
    expect(byName(name)).toMatchObject({ ocellus, qkvBias, ropeTheta })
  })
})

describe.each(['tiny', 'qwen2vl_2b', 'llava_7b', 'phi35v', 'minicpm_8b', 'ultravox_8b'])('the graph of %s', (name) => {
  const { sizes } = byName(name)
  const { graph } = graphOf(name)

  it('uses only what is declared or made before', () => {
    const known = new Set([...graph.inputs, ...graph.constants].map((each) => each.name))
    const missing: string[] = []
    for (const { inputs, outputs } of graph.nodes) {
      missing.push(...inputs.filter((input) => input !== '' && !known.has(input)))
      for (const output of outputs) known.add(output)
    }
    expect(missing).toEqual([])
    expect(graph.outputs.filter((output) => !known.has(output.name))).toEqual([])
  })

  it('gives each name to one thing', () => {
    const names = [...graph.inputs, ...graph.constants].map((each) => each.name)
    const made = graph.nodes.flatMap(({ outputs }) => outputs.filter((output) => output !== ''))
    expect(new Set([...names, ...made]).size).toBe(names.length + made.length)
  })

  it('reads the bytes that 4-bit weights take', () => {
    const matrices = (part: string): boolean => /\.(codes|scales)$/.test(part) && !part.startsWith('embed.')
    expect(bytesWhere(graph, matrices)).toBe(q4Bytes(sizes))
  })

  it('has a cache for each layer that comes out a token longer', () => {
    const caches = graph.inputs.filter((input) => input.name.startsWith('past_key_values.'))
    expect(caches).toHaveLength(2 * sizes.layers)
    expect(caches[0]?.shape).toEqual(['batch_size', sizes.kvHeads, 'past_sequence_length', sizes.headDim])
    const presents = graph.outputs.filter((output) => output.name.startsWith('present.')).map((output) => output.name)
    expect(presents).toEqual(caches.map((input) => input.name.replace('past_key_values', 'present')))
  })
})

describe('inputs', () => {
  it('are what transformers.js gives a decoder, if lengths come from a mask', () => {
    const { graph } = graphOf('tiny', 'mask')
    const others = graph.inputs.map(({ name }) => name).filter((name) => !name.startsWith('past_key_values.'))
    expect(others).toEqual(['input_ids', 'attention_mask'])
    expect(graph.outputs.at(-1)?.name).toBe('logits')
  })

  it('name the lengths themselves otherwise', () => {
    const others = graphOf('tiny')
      .graph.inputs.map(({ name }) => name)
      .filter((name) => !name.startsWith('past_key_values.'))
    expect(others).toEqual(['input_ids', 'seqlens_k', 'total_sequence_length'])
  })
})

describe.each(['q4', 'float'] as const)('random weights with tables in %s', (tables) => {
  const { graph, weights } = graphOf('tiny', 'given', tables)
  const files = new Map(weights.files().map(({ path, data }) => [path, data]))

  it('lie within their files', () => {
    const far = graph.constants.flatMap(({ bytes }) => (bytes instanceof Uint8Array ? [] : [bytes]))
    const outside = far.filter(({ file, offset, length }) => offset + length > (files.get(file)?.length ?? 0))
    expect(far.length).toBeGreaterThan(20)
    expect(outside).toEqual([])
  })

  it('are not the same in two layers', () => {
    const codesOf = (layer: number): string => {
      const { bytes } = graph.constants.find(({ name }) => name === `layers.${layer}.up.codes`) as OnnxTensor
      if (bytes instanceof Uint8Array) throw new Error('they are in a file')
      const { file, offset, length } = bytes
      return String(files.get(file)?.subarray(offset, offset + length))
    }
    expect(codesOf(0)).not.toBe(codesOf(1))
  })

  it('have no code 0, so that their mean is zero', () => {
    const codes = files.get('codes') as Uint8Array
    expect(codes.some((byte) => (byte & 15) === 0 || byte >> 4 === 0)).toBe(false)
  })

  it('are the same for another graph of the same shape', () => {
    const again = graphOf('tiny', 'mask', tables).weights.files()
    expect(again.map(({ path, data }) => [path, data.length])).toEqual([...files].map(([path, data]) => [path, data.length]))
    expect(again.every(({ path, data }) => Buffer.from(data).equals(Buffer.from(files.get(path) as Uint8Array)))).toBe(true)
  })
})

describe('4 bits of a checkpoint', () => {
  const values = randomFloats(5, 320)
  const { codes, scales } = quantized(values)
  const restored = Float32Array.from(values, (_, i) => ((((codes[i >> 1] ?? 0) >> (4 * (i & 1))) & 15) - 8) * (scales[i >> 5] ?? 0))

  it('are off by half a step, or by one where the largest value has no opposite', () => {
    const steps = values.map((value, i) => Math.abs(value - (restored[i] ?? 0)) / Math.abs(scales[i >> 5] ?? 1))
    expect(Math.max(...steps)).toBeLessThanOrEqual(1.00001)
    expect([...steps].filter((step) => step > 0.50001).length).toBeLessThan(values.length / 20)
  })

  it('hold the largest of each group exactly, and zeros', () => {
    for (let group = 0; group < 10; group++) {
      const members = [...values.subarray(32 * group, 32 * group + 32)]
      const largest = members.findIndex((value) => Math.abs(value) === Math.max(...members.map(Math.abs)))
      expect(restored[32 * group + largest]).toBe(members[largest])
    }
    const zeros = quantized(new Float32Array(32))
    expect([zeros.scales[0], zeros.codes[0]]).toEqual([-0, 0x88])
  })
})
