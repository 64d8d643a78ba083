import { describe, expect, it } from 'vitest'
import { convertHere } from '../../../src/engine/row-converter.ts'
import { loadWeights, type WeightOptions } from '../../../src/engine/weight-loader.ts'
import type { Tensor } from '../../../src/gpu/tensor.ts'
import type { WeightReader } from '../../../src/layers/weights.ts'
import { decodeHalves, encodeHalves } from '../../../src/util/half.ts'
import type { Checkpoint, CheckpointTensor } from '../../../src/weights/checkpoint.ts'
import { convertRows } from '../../../src/weights/convert.ts'
import { randomFloats } from '../../support/random.ts'
import { bytesIn, fakeGpu } from './fake-gpu.ts'

interface Stored {
  shape: number[]
  data: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>
  dtype?: CheckpointTensor['dtype']
}

/** A checkpoint in memory that hands its tensors out a few rows at a time. */
function checkpointOf(stored: Record<string, Stored>): Checkpoint {
  const tensors = Object.entries(stored).map(([name, { shape, data, dtype }]): [string, CheckpointTensor] => [
    name,
    { dtype: dtype ?? 'F32', shape, begin: 0, end: data.byteLength, file: 'model.safetensors' },
  ])
  return {
    tensors: new Map(tensors),
    files: [],
    async streamTensors(wanted, onChunk) {
      for (const { name, rowBytes } of wanted) {
        const { buffer } = (stored[name] as Stored).data
        for (let at = 0; at < buffer.byteLength; at += rowBytes) await onChunk(name, at, new Uint8Array(buffer.slice(at, at + rowBytes)))
      }
    },
  }
}

const f32 = (shape: number[], seed: number): Stored => ({
  shape,
  data: randomFloats(
    seed,
    shape.reduce((a, b) => a * b, 1),
  ),
})

const load = <W>(stored: Record<string, Stored>, declare: (reader: WeightReader) => W, options: Partial<WeightOptions> = {}): Promise<W> =>
  loadWeights(fakeGpu(), checkpointOf(stored), declare, { modelType: 'qwen2_vl', dtype: 'float32', quantization: 'none', ...options })

const floats = (tensor: Tensor): Float32Array => new Float32Array(bytesIn(tensor).buffer)

describe('loadWeights', () => {
  it('keeps vectors in f32, whatever they are stored as', async () => {
    const values = Float32Array.of(1, -2.5, 3)
    const norm = await load({ 'a.norm.weight': { shape: [3], data: encodeHalves(values), dtype: 'F16' } }, (reader) =>
      reader.scope('a').tensor('norm.weight', [3]),
    )
    expect([...floats(norm)]).toEqual([...values])
  })

  it('stacks the parts of a matrix and their biases', async () => {
    const stored = { 'q.weight': f32([4, 8], 1), 'q.bias': f32([4], 2), 'k.weight': f32([3, 8], 3), 'k.bias': f32([3], 4) }
    const parts = [
      { name: 'q', rows: 4 },
      { name: 'k', rows: 3 },
    ]
    const weight = await load(stored, (reader) => reader.linear(parts, 8, { role: 'layer', bias: true }))
    expect(weight).toMatchObject({ format: 'f32', rows: 7, cols: 8, scales: undefined })
    expect([...floats(weight.data)]).toEqual([...stored['q.weight'].data, ...stored['k.weight'].data])
    expect([...floats(weight.bias as Tensor)]).toEqual([...stored['q.bias'].data, ...stored['k.bias'].data])
  })

  it('leaves zeros for a part without a bias', async () => {
    const stored = {
      'q.weight': f32([2, 4], 1),
      'q.bias': f32([2], 2),
      'k.weight': f32([3, 4], 3),
      'v.weight': f32([1, 4], 4),
      'v.bias': f32([1], 5),
    }
    const parts = [
      { name: 'q', rows: 2 },
      { name: 'k', rows: 3, bias: false as const },
      { name: 'v', rows: 1 },
    ]
    const weight = await load(stored, (reader) => reader.linear(parts, 4, { role: 'encoder', bias: true }))
    expect([...floats(weight.bias as Tensor)]).toEqual([...stored['q.bias'].data, 0, 0, 0, ...stored['v.bias'].data])
  })

  it('leaves tensors unread that the model says it skips, and no others', async () => {
    const stored = { 'a.norm.weight': f32([4], 1), 'a.last.weight': f32([4], 2), 'a.lastly.weight': f32([4], 3) }
    const declare = (reader: WeightReader): Tensor => {
      reader.scope('a').skip('last')
      return reader.tensor('a.norm.weight', [4])
    }
    await expect(load(stored, declare)).rejects.toThrow('1 tensor(s) not used by this model: a.lastly.weight')
    const { 'a.lastly.weight': _, ...rest } = stored
    expect([...floats(await load(rest, declare))]).toEqual([...stored['a.norm.weight'].data])
  })

  it('turns a matrix round that the checkpoint has the other way', async () => {
    for (const [dtype, bits] of [
      ['float32', 32],
      ['float16', 16],
    ] as const) {
      const stored = { 'p.weight': { shape: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => i) } }
      const weight = await load(stored, (reader) => reader.linear({ name: 'p', rows: 4 }, 3, { role: 'encoder', transposed: true }), {
        dtype,
      })
      const values = weight.format === 'f32' ? floats(weight.data) : decodeHalves(new Uint16Array(bytesIn(weight.data).buffer))
      expect([bits, weight.rows, weight.cols, ...values]).toEqual([bits, 4, 3, 0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
    }
    const halves = { 'p.weight': { shape: [2, 2], data: encodeHalves(Float32Array.of(1, 2, 3, 4)), dtype: 'F16' as const } }
    const weight = await load(halves, (reader) => reader.linear({ name: 'p', rows: 2 }, 2, { role: 'encoder', transposed: true }))
    expect([...floats(weight.data)]).toEqual([1, 3, 2, 4])
  })

  it('flattens axes after the first', async () => {
    const stored = { 'conv.weight': f32([4, 3, 2, 2], 5) }
    const weight = await load(stored, (reader) => reader.linear({ name: 'conv', rows: 4 }, 12, { role: 'encoder' }))
    expect([...floats(weight.data)]).toEqual([...stored['conv.weight'].data])
  })

  it('stores matrices as f16 by default', async () => {
    const stored = { 'm.weight': f32([6, 10], 6) }
    const weight = await load(stored, (reader) => reader.linear({ name: 'm', rows: 6 }, 10, { role: 'layer' }), { dtype: 'float16' })
    expect([...decodeHalves(new Uint16Array(bytesIn(weight.data).buffer))]).toEqual([
      ...decodeHalves(encodeHalves(stored['m.weight'].data)),
    ])
  })

  const formats: [role: 'layer' | 'table' | 'encoder', quantization: 'q8' | 'q4', cols: number, rows: number, format: string][] = [
    ['layer', 'q4', 64, 6, 'q4'],
    ['layer', 'q8', 64, 6, 'q8'],
    ['table', 'q4', 64, 6, 'q8'],
    ['encoder', 'q4', 64, 6, 'f16'],
    ['layer', 'q4', 80, 6, 'f16'],
    ['layer', 'q4', 32, 6, 'q4'],
    // A row's scale is half a word, so an odd number of rows would end in the middle of one.
    ['layer', 'q4', 32, 5, 'f16'],
    ['layer', 'q8', 15, 6, 'f32'],
  ]
  for (const [role, quantization, cols, rows, format] of formats) {
    it(`stores a ${role} of ${rows} × ${cols} as ${format} for ${quantization}`, async () => {
      const stored = { 'm.weight': f32([rows, cols], cols) }
      const weight = await load(stored, (reader) => reader.linear({ name: 'm', rows }, cols, { role }), { dtype: 'float16', quantization })
      expect(weight.format).toBe(format)
      const expected = convertRows(new Uint8Array(stored['m.weight'].data.buffer), 'F32', cols, weight.format)
      expect([...bytesIn(weight.data)]).toEqual([...expected.data])
      if (expected.scales) expect([...bytesIn(weight.scales as Tensor)]).toEqual([...expected.scales])
      else expect(weight.scales).toBe(undefined)
    })
  }

  it('reports everything that does not fit in one error, and reads nothing', async () => {
    const stored = {
      'norm.weight': f32([5], 1),
      'odd.weight': { ...f32([4, 4], 2), dtype: 'I32' as const },
      'extra.weight': f32([2], 3),
      'a.rotary_emb.inv_freq': f32([2], 4),
    }
    const declare = (reader: WeightReader): void => {
      reader.tensor('norm.weight', [4])
      reader.linear({ name: 'odd', rows: 4 }, 4, { role: 'layer' })
      reader.linear({ name: 'gone', rows: 4 }, 4, { role: 'layer', bias: true })
    }
    const error = await load(stored, declare).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ name: 'ModelLoadError' })
    const message = String((error as unknown as Error).message)
    expect(message).toMatch(/2 tensor\(s\) missing: 'gone\.weight', 'gone\.bias'/)
    expect(message).toMatch(
      /2 tensor\(s\) of another shape or type: 'norm\.weight' is F32 \[5\], expected \[4\].*'odd\.weight' is I32 \[4,4\]/,
    )
    expect(message).toMatch(/1 tensor\(s\) not used by this model: extra\.weight/)
  })

  it('passes over a head that the embedding stands in for, but not one that is read', async () => {
    const stored = { 'lm_head.weight': f32([4, 4], 1), 'model.embed_tokens.weight': f32([4, 4], 2) }
    const embed = (reader: WeightReader) => reader.linear({ name: 'model.embed_tokens', rows: 4 }, 4, { role: 'table' })
    expect((await load(stored, embed)).rows).toBe(4)
    const both = await load(stored, (reader) => [embed(reader), reader.linear({ name: 'lm_head', rows: 4 }, 4, { role: 'table' })])
    expect([...floats((both[1] as { data: Tensor }).data)]).toEqual([...stored['lm_head.weight'].data])
  })

  it('leaves out a head that nothing will read, be it there or not', async () => {
    const declare = (reader: WeightReader) => [
      reader.linear({ name: 'model.embed_tokens', rows: 4 }, 4, { role: 'table' }),
      reader.linear({ name: 'lm_head', rows: 4 }, 4, { role: 'table' }),
    ]
    const table = { 'model.embed_tokens.weight': f32([4, 4], 2) }
    for (const stored of [table, { ...table, 'lm_head.weight': f32([4, 4], 1) }]) {
      const [embedding, head] = await load(stored, declare, { withoutHead: true })
      expect(embedding?.data.storage.buffer === undefined).toBe(false)
      expect(head?.data.storage.buffer).toBe(undefined)
    }
    await expect(load(table, declare)).rejects.toThrow("1 tensor(s) missing: 'lm_head.weight'")
  })

  it('finds tensors under newer names', async () => {
    const stored = { 'model.language_model.norm.weight': f32([4], 1) }
    const norm = await load(stored, (reader) => reader.tensor('model.norm.weight', [4]))
    expect([...floats(norm)]).toEqual([...stored['model.language_model.norm.weight'].data])
  })

  it('refuses values that the format cannot hold', async () => {
    const stored = { 'm.weight': { shape: [1, 2], data: Float32Array.of(1, 70000) } }
    const error = await load(stored, (reader) => reader.linear({ name: 'm', rows: 1 }, 2, { role: 'layer' }), { dtype: 'float16' }).catch(
      (thrown: Error) => thrown,
    )
    expect(error).toMatchObject({ name: 'ModelLoadError' })
    expect(String((error as unknown as Error).message)).toMatch(/'m\.weight' has 1 values that f16 cannot hold; load with dtype: 'float32'/)
  })

  it('gives the same bytes by a converter that is late, and tells its failures', async () => {
    const stored = Object.fromEntries([1, 2, 3, 4].map((seed) => [`m${seed}.weight`, f32([16, 64], seed)]))
    const declare = (reader: WeightReader) =>
      [1, 2, 3, 4].map((seed) => reader.linear({ name: `m${seed}`, rows: 16 }, 64, { role: 'layer' }))
    const plain = await load(stored, declare, { quantization: 'q4' })
    let closed = 0
    let jobs = 0
    // Every other job takes longer than the next.
    const late = (fails: number): Partial<WeightOptions> => ({
      quantization: 'q4',
      makeConverter: (bytes) => ({
        width: 3,
        async convert(job) {
          expect(bytes).toBe(4 * 16 * 64 * 4)
          const turns = jobs % 2 === 0 ? 5 : 1
          if (jobs++ === fails) throw new Error('it broke')
          for (let i = 0; i < turns; i++) await new Promise((resolve) => setTimeout(resolve))
          return convertHere(job)
        },
        close: () => closed++,
      }),
    })
    const slow = await load(stored, declare, late(-1))
    expect(jobs).toBe(32)
    expect(slow.map(({ data, scales }) => [bytesIn(data), scales && bytesIn(scales)])).toEqual(
      plain.map(({ data, scales }) => [bytesIn(data), scales && bytesIn(scales)]),
    )
    jobs = 0
    await expect(load(stored, declare, late(6))).rejects.toThrow('it broke')
    expect(closed).toBe(2)
  })
})
