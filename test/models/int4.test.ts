import { describe, expect, it } from 'vitest'
import type { RequestOutput } from '../../src/index.ts'
import { decodeHalves, encodeHalves } from '../../src/util/half.ts'
import { toFloat32 } from '../../src/weights/convert.ts'
import { openGolden } from '../support/golden-model.ts'
import { awq, type Codes, gptq, meaning, type PackedTensor } from '../support/int4-pack.ts'
import { type Header, type HeaderEntry, ModelFiles, safetensors } from '../support/model-files.ts'

const GROUP = 32

/** All tensors of the golden checkpoint, in f32. */
async function goldenTensors(): Promise<Map<string, { shape: number[]; values: Float32Array<ArrayBuffer> }>> {
  const tensors = new Map<string, { shape: number[]; values: Float32Array<ArrayBuffer> }>()
  for (const name of ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']) {
    const bytes = await new ModelFiles().bytes(name)
    const begin = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true))
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, begin))) as Header
    for (const [tensor, { shape, data_offsets }] of Object.entries(header)) {
      const [from, to] = data_offsets ?? []
      if (from !== undefined && to !== undefined)
        tensors.set(tensor, { shape, values: toFloat32(bytes.slice(begin + from, begin + to), 'BF16') })
    }
  }
  return tensors
}

const half = (value: number): number => decodeHalves(encodeHalves([value]))[0] as number

/** A matrix rounded to four bits, with a zero point of its own for each group or with 8. */
function rounded(values: Float32Array, outputs: number, symmetric: boolean): Codes {
  const inputs = values.length / outputs
  const groups = Array.from({ length: values.length / GROUP }, (_, g) => {
    const part = values.subarray(g * GROUP, (g + 1) * GROUP)
    const [low, high] = [Math.min(0, ...part), Math.max(0, ...part)]
    const scale = half(symmetric ? Math.max(-low, high) / 7 : (high - low) / 15) || 1
    return { scale, zero: symmetric ? 8 : Math.min(15, Math.round(-low / scale)) }
  })
  const at = (row: number, group: number) => groups[(row * inputs) / GROUP + group] as { scale: number; zero: number }
  const scale = (row: number, group: number): number => at(row, group).scale
  const zero = (row: number, group: number): number => at(row, group).zero
  const code = (row: number, col: number): number => {
    const group = Math.floor(col / GROUP)
    const steps = Math.round((values[row * inputs + col] as number) / scale(row, group)) + zero(row, group)
    return Math.min(15, Math.max(0, steps))
  }
  return { inputs, outputs, group: GROUP, code, zero, scale }
}

const LAYER = /^model\.layers\.\d+\.(self_attn|mlp)\.\w+_proj\.weight$/

/** The golden model with its layers in int4, and the same values in float32. */
async function twins(method: 'awq' | 'gptq'): Promise<{ packed: File[]; plain: File[] }> {
  const packed = new Map<string, PackedTensor | [string, number[], Float32Array]>()
  const plain = new Map<string, [string, number[], Float32Array]>()
  for (const [name, { shape, values }] of await goldenTensors()) {
    const [outputs = 0, inputs = 0] = shape
    if (LAYER.test(name)) {
      const codes = rounded(values, outputs, method === 'gptq')
      const parts = method === 'awq' ? awq(codes) : gptq(codes, 1)
      for (const [part, tensor] of Object.entries(parts)) packed.set(name.replace(/weight$/, part), tensor)
      plain.set(name, ['F32', shape, Float32Array.from(values, (_, i) => meaning(codes, Math.floor(i / inputs), i % inputs))])
    } else for (const tensors of [packed, plain]) tensors.set(name, ['F32', shape, values])
  }
  const quantization_config =
    method === 'awq'
      ? { quant_method: 'awq', bits: 4, group_size: GROUP, version: 'gemm', zero_point: true, modules_to_not_convert: ['visual'] }
      : { quant_method: 'gptq', bits: 4, group_size: GROUP, sym: true, desc_act: false }
  return { packed: await filesOf(packed, { quantization_config }), plain: await filesOf(plain, {}) }
}

async function filesOf(tensors: ReadonlyMap<string, readonly [string, number[], ArrayBufferView]>, config: object): Promise<File[]> {
  const header: Record<string, HeaderEntry> = {}
  let end = 0
  for (const [name, [dtype, shape, { byteLength }]] of tensors) {
    header[name] = { dtype, shape, data_offsets: [end, end + byteLength] }
    end += byteLength
  }
  const data = new Blob([...tensors.values()].map(([, , values]) => values as ArrayBufferView<ArrayBuffer>))
  const model = new ModelFiles().remove(
    'model.safetensors.index.json',
    'model-00001-of-00002.safetensors',
    'model-00002-of-00002.safetensors',
  )
  model.put('model.safetensors', safetensors(header, data))
  await model.json('config.json', (given) => Object.assign(given, config))
  return model.files
}

async function answersOf(model: File[]): Promise<RequestOutput[]> {
  const llm = await openGolden({ model })
  const answers = await llm.generate(['The number 7', 'A red star'], { temperature: 0, max_tokens: 12, logprobs: 1, ignore_eos: true })
  await llm.dispose()
  return answers
}

describe('a checkpoint in int4', () => {
  it.each(['awq', 'gptq'] as const)('of %s answers as its values in float32 do', async (method) => {
    const { packed, plain } = await twins(method)
    const [expected, found] = [await answersOf(plain), await answersOf(packed)]
    for (const [i, { outputs }] of expected.entries()) {
      const [wanted, given] = [outputs[0], found[i]?.outputs[0]]
      expect(given?.token_ids).toEqual(wanted?.token_ids)
      // Sums of the same products in another order.
      expect(given?.cumulative_logprob).toBeCloseTo(wanted?.cumulative_logprob ?? Number.NaN, 3)
    }
  })
})
