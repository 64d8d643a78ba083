import { describe, expect, it } from 'vitest'
import { startFileServer } from '../../../cli/file-server.ts'
import { fullShapes, tinyShapes } from '../../../cli/shapes/all-shapes.ts'
import { minicpm8b } from '../../../cli/shapes/minicpmv.ts'
import { qwen2Vl2b, tinyQwen2Vl } from '../../../cli/shapes/qwen2-vl.ts'
import { syntheticModel } from '../../../cli/synthetic-model.ts'
import { createTokenizer } from '../../../src/text/tokenizer.ts'
import { type Checkpoint, openCheckpoint } from '../../../src/weights/checkpoint.ts'
import { toFloat32 } from '../../../src/weights/convert.ts'
import { openSource } from '../../../src/weights/source.ts'

/** Weights and bytes of the released checkpoints' tensors, as far as they are read. */
const RELEASED: Readonly<Record<string, [billions: number, gigabytes: number]>> = {
  qwen2vl_2b: [2.209, 4.42],
  llava_7b: [7.063, 14.13],
  phi35v: [4.147, 8.29],
  minicpm_8b: [8.099, 16.2],
  ultravox_8b: [8.152, 16.48],
}

const countOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

const textOf = (files: ReturnType<typeof syntheticModel>, name: string): string => {
  const file = files.get(name)
  if (!file) throw new Error(`no ${name}`)
  return Buffer.concat([...file.read(0, file.size)]).toString()
}

/** All tensors' bytes, read in chunks of about this many. */
async function valuesOf(checkpoint: Checkpoint, chunkBytes: number): Promise<Map<string, Buffer>> {
  const found = new Map<string, Uint8Array[]>()
  const wanted = [...checkpoint.tensors.keys()].map((name) => ({ name, rowBytes: 4 }))
  const onChunk = (name: string, _at: number, bytes: Uint8Array): void => {
    const pieces = found.get(name)
    if (pieces) pieces.push(bytes)
    else found.set(name, [bytes])
  }
  await checkpoint.streamTensors(wanted, onChunk, { chunkBytes })
  return new Map([...found].map(([name, pieces]) => [name, Buffer.concat(pieces)]))
}

describe('a synthetic model', () => {
  for (const shape of fullShapes) {
    it(`${shape.name} is as large as ${shape.like}`, () => {
      const [billions, gigabytes] = RELEASED[shape.name] ?? []
      const weights = shape.folders.flatMap(({ tensors }) => tensors).reduce((sum, tensor) => sum + countOf(tensor.shape), 0)
      expect(Math.round(weights / 1e6) / 1e3).toBe(billions)
      const files = [...syntheticModel(shape)].filter(([name]) => name.endsWith('.safetensors'))
      expect(Math.round(files.reduce((sum, [, { size }]) => sum + size, 0) / 1e7) / 100).toBe(gigabytes)
      for (const [, { size }] of files) expect(size).toBeLessThan(5.1e9)
    })
  }

  for (const shape of tinyShapes) {
    it(`${shape.name} opens like a repository, in shards too, and gives the same values however it is read`, async () => {
      const server = await startFileServer()
      const [whole, cut] = [{}, { shardBytes: 20_000 }].map((options) => server.mount(syntheticModel(shape, options)))
      try {
        for (const { path } of shape.folders) {
          const [one, other] = await Promise.all([whole, cut].map((url) => openCheckpoint(openSource(`${url}${path}`))))
          expect(one?.files.length).toBe(1)
          expect(other?.files.length).toBeGreaterThan(1)
          const expected = await valuesOf(one as Checkpoint, 8_000_000)
          const found = await valuesOf(other as Checkpoint, 10_000)
          expect(found.size).toBe(expected.size)
          for (const [name, bytes] of expected) expect(bytes.equals(found.get(name) ?? Buffer.alloc(0)), name).toBe(true)
        }
      } finally {
        await server.close()
      }
    })
  }

  it('is served to the last byte of files that 32 bits cannot address', async () => {
    const server = await startFileServer()
    try {
      const files = syntheticModel(minicpm8b)
      const source = openSource(server.mount(files))
      const { tensors } = await openCheckpoint(source)
      const far = [...tensors].filter(([, { begin }]) => begin > 2 ** 32).at(-1)
      if (!far) throw new Error('no tensor lies beyond 4 GiB')
      const [, { file, begin, end }] = far
      const expected = Buffer.concat([...(files.get(file)?.read(end - 5000, end) ?? [])])
      const opened = await source.open(file)
      expect(Buffer.from(await opened.read(end - 5000, end)).equals(expected)).toBe(true)
      expect(expected.equals(Buffer.concat([...(files.get(file)?.read(begin, begin + 5000) ?? [])]))).toBe(false)
    } finally {
      await server.close()
    }
  })

  it('has rows that differ, of mean 0 and the spread that keeps sums near 1', () => {
    const file = syntheticModel(qwen2Vl2b).get('model.safetensors')
    if (!file) throw new Error('no weights')
    const head = Number(Buffer.concat([...file.read(0, 8)]).readBigUInt64LE())
    const table = JSON.parse(Buffer.concat([...file.read(8, 8 + head)]).toString())
    const rowsOf = (name: string, rows: readonly number[]): Float32Array[] => {
      const { data_offsets, shape } = table[name]
      return rows.map((row) => {
        const begin = 8 + head + data_offsets[0] + row * shape[1] * 2
        return toFloat32(Uint8Array.from(Buffer.concat([...file.read(begin, begin + shape[1] * 2)])), 'BF16')
      })
    }
    const down = rowsOf('model.layers.3.mlp.down_proj.weight', [0, 1, 1535])
    for (const row of down) {
      expect(row.length).toBe(8960)
      const mean = row.reduce((sum, value) => sum + value, 0) / row.length
      const deviation = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) / row.length)
      // 8960 values: a standard error of 1 % of the spread for the mean, 0.75 % for the spread.
      expect(Math.abs(mean) * Math.sqrt(8960)).toBeLessThan(0.05)
      expect(Math.abs(deviation * Math.sqrt(8960) - 1)).toBeLessThan(0.04)
    }
    const words = rowsOf('model.embed_tokens.weight', [0, 1, 2, 682, 683, 1000, 75_000, 151_935]).map((row) => row.slice(0, 16).join())
    expect(new Set(words).size).toBe(words.length)
  })

  it('has a token for every row of the embedding table, and encodes any text', () => {
    const files = syntheticModel(tinyQwen2Vl)
    const tokenizer = createTokenizer(JSON.parse(textOf(files, 'tokenizer.json')), JSON.parse(textOf(files, 'tokenizer_config.json')))
    expect(tokenizer.vocabSize).toBe(512)
    expect(tokenizer.encode('<|vision_start|><|image_pad|><|vision_end|>')).toEqual([403, 406, 404])
    const text = 'Ünïcode \n\t 漢字 🙂'
    const ids = tokenizer.encode(text)
    expect(ids.length).toBe(Buffer.byteLength(text))
    expect(tokenizer.decode(ids)).toBe(text)
    for (const id of [300, 399, 511]) expect(tokenizer.decode([id])).toBe(`<word${id}>`)
  })

  it('begins texts with the token that the family wants there', () => {
    for (const shape of tinyShapes) {
      const files = syntheticModel(shape)
      const tokenizer = createTokenizer(JSON.parse(textOf(files, 'tokenizer.json')), JSON.parse(textOf(files, 'tokenizer_config.json')))
      const [first] = tokenizer.encode('a')
      const bos = shape.bos === undefined ? undefined : shape.specials[shape.bos]
      expect(first === bos).toBe(bos !== undefined)
      for (const [token, id] of Object.entries(shape.specials))
        expect([token, tokenizer.encode(token, { addSpecialTokens: false })]).toEqual([token, [id]])
    }
  })
})
