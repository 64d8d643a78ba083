import { describe, expect, it } from 'vitest'
import { loadWeights, type WeightOptions } from '../../../src/engine/weight-loader.ts'
import type { Tensor } from '../../../src/gpu/tensor.ts'
import type { LinearWeight, WeightReader } from '../../../src/layers/weights.ts'
import { decodeHalves, encodeHalves } from '../../../src/util/half.ts'
import { openCheckpoint } from '../../../src/weights/checkpoint.ts'
import { int4Checkpoint } from '../../../src/weights/int4-checkpoint.ts'
import { int4FormatOf } from '../../../src/weights/int4-config.ts'
import type { Int4Format } from '../../../src/weights/int4-layouts.ts'
import { openSource } from '../../../src/weights/source.ts'
import { awq, type Codes, gptq, meaning, type PackedTensor } from '../../support/int4-pack.ts'
import { randomFloats } from '../../support/random.ts'
import { FakeDisk } from '../cache/fake-disk.ts'
import { bytesIn, fakeGpu } from '../engine/fake-gpu.ts'
import { withHeader } from './make-safetensors.ts'
import { thrown } from './thrown.ts'

const codesOf = (inputs: number, outputs: number, group: number, seed: number, zero?: number): Codes => {
  const random = randomFloats(seed, 4096)
  const pick = (i: number): number => Math.floor(Math.abs((random[i % 4096] as number) * 1000)) & 15
  return {
    ...{ inputs, outputs, group },
    code: (row, col) => pick(row * 31 + col),
    zero: (row, g) => zero ?? pick(row * 7 + g * 3 + 11),
    scale: (row, g) => decodeHalves(encodeHalves([Math.abs(random[(row * 5 + g) % 4096] as number) / 8]))[0] as number,
  }
}

/** A checkpoint of these tensors, opened. */
async function open(entries: Record<string, PackedTensor>, format: Int4Format) {
  const header: Record<string, unknown> = {}
  const parts: Uint8Array[] = []
  let end = 0
  for (const [name, [dtype, shape, data]] of Object.entries(entries).sort()) {
    header[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] }
    parts.push(new Uint8Array(data.buffer as ArrayBuffer))
    end += data.byteLength
  }
  const file = new File(
    [withHeader(header, new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer()))],
    'model.safetensors',
    { lastModified: 5 },
  )
  return int4Checkpoint(await openCheckpoint(openSource([file])), format)
}

const named = (name: string, entries: Record<string, PackedTensor>): Record<string, PackedTensor> =>
  Object.fromEntries(Object.entries(entries).map(([part, entry]) => [`${name}.${part}`, entry]))

const load = async <W>(
  entries: Record<string, PackedTensor>,
  format: Int4Format,
  declare: (reader: WeightReader) => W,
  options: Partial<WeightOptions> = {},
) =>
  loadWeights(fakeGpu(), await open(entries, format), declare, {
    modelType: 'test',
    dtype: 'float16',
    quantization: 'none',
    chunkBytes: 700,
    ...options,
  })

/** The values of a weight, by the definition of its format. */
function valuesOf({ format, rows, cols, data, scales }: LinearWeight): number[][] {
  const bytes = bytesIn(data)
  const scale = scales && decodeHalves(new Uint16Array(bytesIn(scales as Tensor).buffer))
  const words = new Uint32Array(bytes.buffer)
  const value = (i: number): number => {
    if (format === 'f16') return decodeHalves(new Uint16Array(bytes.buffer))[i] as number
    const step = scale?.[i >> 5] as number
    if (format === 'q8') return (new Int8Array(bytes.buffer)[i] as number) * step
    const inWord = i & 7
    return ((((words[i >> 3] as number) >>> (4 * (inWord >> 1) + 16 * (inWord & 1))) & 15) - 8) * step
  }
  return Array.from({ length: rows }, (_, row) => Array.from({ length: cols }, (_, col) => value(row * cols + col)))
}

const meant = (codes: Codes): number[][] =>
  Array.from({ length: codes.outputs }, (_, row) => Array.from({ length: codes.inputs }, (_, col) => meaning(codes, row, col)))

const AWQ: Int4Format = { method: 'awq', groupSize: 64, symmetric: false, zeroOffset: 0 }
const GPTQ: Int4Format = { method: 'gptq', groupSize: 64, symmetric: true, zeroOffset: 1 }

describe('weights that come in int4', () => {
  it('of AWQ keep every code, zero point and scale, in eight bits', async () => {
    const codes = codesOf(128, 16, 64, 1)
    const weight = await load(named('m', awq(codes)), AWQ, (reader) => reader.linear({ name: 'm', rows: 16 }, 128, { role: 'layer' }))
    expect(weight.format).toBe('q8')
    expect(valuesOf(weight)).toEqual(meant(codes))
  })

  it.each<[what: string, offset: number, format: Int4Format]>([
    ['zero points less one', 1, GPTQ],
    ['zero points as they are', 0, { ...GPTQ, zeroOffset: 0 }],
    ['zero points as they are, though of the first version', 0, GPTQ],
  ])('of symmetric GPTQ with %s stay four bits', async (_what, offset, format) => {
    const codes = codesOf(128, 24, 64, 2, 8)
    const weight = await load(named('m', gptq(codes, offset)), format, (reader) =>
      reader.linear({ name: 'm', rows: 24 }, 128, { role: 'layer' }),
    )
    expect(weight.format).toBe('q4')
    expect(valuesOf(weight)).toEqual(meant(codes))
  })

  it('of GPTQ with zero points of their own take eight bits', async () => {
    const codes = codesOf(64, 8, 32, 3)
    const format: Int4Format = { ...GPTQ, groupSize: 32, symmetric: false }
    const weight = await load(named('m', gptq(codes, 1)), format, (reader) => reader.linear({ name: 'm', rows: 8 }, 64, { role: 'layer' }))
    expect(weight.format).toBe('q8')
    expect(valuesOf(weight)).toEqual(meant(codes))
  })

  it('in one group for all inputs', async () => {
    const codes = codesOf(96, 8, 96, 4, 8)
    const weight = await load(named('m', gptq(codes, 1)), { ...GPTQ, groupSize: undefined }, (reader) =>
      reader.linear({ name: 'm', rows: 8 }, 96, { role: 'layer' }),
    )
    expect(valuesOf(weight)).toEqual(meant(codes))
  })

  it('are stacked, stay as they are whatever the option says, and leave others alone', async () => {
    const [q, k] = [codesOf(64, 16, 64, 5), codesOf(64, 8, 64, 6)]
    const norm: PackedTensor = ['F16', [64], encodeHalves(randomFloats(7, 64))]
    const entries = {
      ...named('q', awq(q)),
      ...named('k', awq(k)),
      'norm.weight': norm,
      'k.bias': ['F16', [8], encodeHalves(randomFloats(8, 8))] as PackedTensor,
    }
    const parts = [
      { name: 'q', rows: 16 },
      { name: 'k', rows: 8 },
    ]
    // The bias is none of the model's: some quantizers add such.
    const declare = (reader: WeightReader) => ({
      weight: reader.linear(parts, 64, { role: 'layer' }),
      norm: reader.tensor('norm.weight', [64]),
    })
    for (const quantization of ['none', 'q8', 'q4'] as const) {
      const { weight } = await load(entries, AWQ, declare, { quantization })
      expect(valuesOf(weight)).toEqual([...meant(q), ...meant(k)])
    }
  })

  it('become plain beside parts that are', async () => {
    const codes = codesOf(64, 8, 64, 9, 8)
    const plain = encodeHalves(randomFloats(10, 8 * 64))
    const entries = { ...named('a', gptq(codes, 1)), 'b.weight': ['F16', [8, 64], plain] as PackedTensor }
    const parts = [
      { name: 'a', rows: 8 },
      { name: 'b', rows: 8 },
    ]
    const weight = await load(entries, GPTQ, (reader) => reader.linear(parts, 64, { role: 'layer' }))
    expect(weight.format).toBe('f16')
    const half = (value: number): number => decodeHalves(encodeHalves([value]))[0] as number
    expect(valuesOf(weight).slice(0, 8)).toEqual(meant(codes).map((row) => row.map(half)))
    expect(valuesOf(weight).slice(8).flat()).toEqual([...decodeHalves(plain)])
  })

  it('are kept converted, and read back without the checkpoint', async () => {
    const codes = codesOf(128, 24, 64, 2, 8)
    const disk = new FakeDisk()
    const keeping = { root: disk.root, model: 'm', recipe: 'q4', warn: () => undefined }
    const declare = (reader: WeightReader) => reader.linear({ name: 'm', rows: 24 }, 128, { role: 'layer' })
    const checkpoint = await open(named('m', gptq(codes, 1)), GPTQ)
    const options: WeightOptions = { modelType: 'test', dtype: 'float16', quantization: 'none', chunkBytes: 500, blockBytes: 800, keeping }
    expect(valuesOf(await loadWeights(fakeGpu(), checkpoint, declare, options))).toEqual(meant(codes))
    const gone = { ...checkpoint, streamTensors: () => Promise.reject(new Error('asked for')) }
    expect(valuesOf(await loadWeights(fakeGpu(), gone, declare, options))).toEqual(meant(codes))
    // One block alone, which is some rows of the matrix.
    const data = disk.paths.find((path) => path.endsWith('data')) as string
    disk.bytesOf(data)[900] = 77
    expect(valuesOf(await loadWeights(fakeGpu(), checkpoint, declare, options))).toEqual(meant(codes))
  })

  const broken: [what: string, entries: () => Record<string, PackedTensor>, format: Int4Format, error: RegExp][] = [
    [
      'groups that are scattered',
      () => named('m', gptq(codesOf(64, 8, 32, 1, 8), 1, [0, 1, ...Array(62).fill(0)])),
      { ...GPTQ, groupSize: 32 },
      /'m' was quantized in the order of activations \(desc_act\): input 1 is of group 1/,
    ],
    [
      'zero points other than 8 of what is called symmetric',
      () => named('m', gptq(codesOf(64, 8, 64, 1, 5), 1)),
      GPTQ,
      /'m' has zero point 5, but its quantization_config says sym/,
    ],
    [
      'scales of another shape',
      () => ({ ...named('m', awq(codesOf(64, 8, 64, 1))), 'm.scales': ['F16', [2, 8], new Uint16Array(16)] }),
      AWQ,
      /'m\.scales' is F16 \[2,8\], expected F16 \[1,8\] of awq in groups of 64/,
    ],
    [
      'no zero points',
      () => Object.fromEntries(Object.entries(named('m', awq(codesOf(64, 8, 64, 1)))).filter(([name]) => name !== 'm.qzeros')),
      AWQ,
      /'m\.qzeros' is missing, expected I32 \[1,1\]/,
    ],
  ]
  it.each(broken)('are refused with %s', async (_what, entries, format, error) => {
    const failed = await thrown(load(entries(), format, (reader) => reader.linear({ name: 'm', rows: 8 }, 64, { role: 'layer' })))
    expect(failed.name).toBe('ModelLoadError')
    expect(failed.message).toMatch(error)
  })
})

describe('quantization_config', () => {
  const awqConfig = { quant_method: 'awq', bits: 4, group_size: 128, version: 'GEMM', zero_point: true }
  const gptqConfig = { quant_method: 'gptq', bits: 4, group_size: 128, sym: true, desc_act: false }
  it.each<[what: string, config: Record<string, unknown>, format: Int4Format | undefined]>([
    ['none', { hidden_size: 1 }, undefined],
    ['AWQ', { quantization_config: awqConfig }, { ...AWQ, groupSize: 128 }],
    ['a part’s', { text_config: { quantization_config: awqConfig } }, { ...AWQ, groupSize: 128 }],
    ['GPTQ', { quantization_config: gptqConfig }, { ...GPTQ, groupSize: 128 }],
    [
      'GPTQ of the second version',
      { quantization_config: { ...gptqConfig, checkpoint_format: 'gptq_v2' } },
      { ...GPTQ, groupSize: 128, zeroOffset: 0 },
    ],
    ['GPTQ without symmetry', { quantization_config: { ...gptqConfig, sym: false } }, { ...GPTQ, groupSize: 128, symmetric: false }],
    ['one group', { quantization_config: { ...gptqConfig, group_size: -1 } }, { ...GPTQ, groupSize: undefined }],
  ])('is read: %s', (_what, config, format) => {
    expect(int4FormatOf('my/model', config)).toEqual(format)
  })

  it.each<[config: Record<string, unknown>, error: RegExp]>([
    [
      { quant_method: 'fp8' },
      /^my\/model was quantized with quant_method "fp8"; allowed are awq, gptq\. Use another checkpoint.*quantization: 'q4'/,
    ],
    [{ ...gptqConfig, bits: 8 }, /with bits 8; allowed are 4/],
    [{ ...awqConfig, version: 'gemv' }, /with version "gemv"; allowed are gemm/],
    [{ ...awqConfig, group_size: 20 }, /with group_size 20; allowed are -1 and multiples of 32/],
  ])('is refused: %s', (quantization_config, error) => {
    expect(() => int4FormatOf('my/model', { quantization_config })).toThrow(error)
  })
})
