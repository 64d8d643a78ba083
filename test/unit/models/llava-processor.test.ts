import { describe, expect, it } from 'vitest'
import { readLlavaConfig } from '../../../src/models/llava-config.ts'
import { expandPrompt, prepareEmbeds, prepareImage } from '../../../src/models/llava-processor.ts'
import { sequentialPositions } from '../../../src/models/placeholders.ts'
import { goldenModelFiles, readGolden } from '../../support/golden-files.ts'

interface GoldenCase {
  name: string
  prompt_token_ids: number[]
  placeholders: { modality: 'image'; item: number; offset: number; length: number }[]
}

const config = readLlavaConfig(goldenModelFiles('llava'))
const { cases } = readGolden<{ cases: GoldenCase[] }>('llava/expected.json')
const picture = prepareImage(config, { width: 60, height: 90, data: new Uint8Array(60 * 90 * 3) })

describe('prepareImage', () => {
  it('gives as many patches and tokens as the tower has places, whatever the picture’s size', () => {
    expect(picture).toMatchObject({ kind: 'image', tokens: 16, grid: [1, 4, 4] })
    expect(picture.inputs['patches']?.shape).toEqual([16, 588])
    expect(picture.inputs['patches']?.data.length).toBe(16 * 588)
  })
})

describe('expandPrompt', () => {
  for (const golden of cases) {
    it(`agrees with the reference: ${golden.name}`, () => {
      const inside = (at: number) => golden.placeholders.some(({ offset, length }) => at > offset && at < offset + length)
      const single = golden.prompt_token_ids.filter((_, at) => !inside(at))
      const expanded = expandPrompt(config, single, () => [], { image: golden.placeholders.map(() => picture) })
      expect(expanded.tokenIds).toEqual(golden.prompt_token_ids)
      expect(expanded.spans.map(({ kind, ...span }) => ({ modality: kind, ...span }))).toEqual(golden.placeholders)
      expect(sequentialPositions(expanded).next).toBe(golden.prompt_token_ids.length)
    })
  }

  it('refuses placeholders and pictures of different number', () => {
    const expand = (ids: number[], count: number) => () => expandPrompt(config, ids, () => [], { image: Array(count).fill(picture) })
    expect(expand([1, config.imageToken], 0)).toThrow('1 image placeholder(s) but multi_modal_data has 0 image(s); give one <image>')
    expect(expand([1], 1)).toThrow('0 image placeholder(s) but multi_modal_data has 1')
  })
})

describe('sequentialPositions', () => {
  it('gives all three streams the place in the prompt', () => {
    expect(sequentialPositions({ tokenIds: [5, 6, 7], spans: [] })).toEqual({ streams: Int32Array.of(0, 1, 2, 0, 1, 2, 0, 1, 2), next: 3 })
  })
})

describe('prepareEmbeds', () => {
  const embeds = (shape: number[]) => {
    const data = Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) => i)
    return prepareEmbeds(config, 'image', { image_embeds: { data, shape } })
  }

  it('splits an array into its pictures', () => {
    const items = embeds([2, 16, 64])
    expect(items.map((item) => item.tokens)).toEqual([16, 16])
    expect(items[1]?.inputs['embeds']).toMatchObject({ shape: [16, 64] })
    expect(items[1]?.inputs['embeds']?.data[0]).toBe(16 * 64)
  })

  it('takes a single picture without an axis of its own', () => {
    expect(embeds([16, 64]).length).toBe(1)
  })

  it.each([[[1, 15, 64]], [[1, 16, 65]], [[16 * 64]], [[1, 1, 16, 64]], [[0, 16, 64]]])('refuses shape %j', (shape) => {
    expect(() => embeds(shape)).toThrow(`image_embeds has shape [${shape}]; expected [images, 16, 64]`)
  })

  it('refuses tensors of another name', () => {
    const given = { image_embeddings: { data: new Float32Array(1024), shape: [1, 16, 64] } }
    expect(() => prepareEmbeds(config, 'image', given)).toThrow('need image_embeds; got image_embeddings')
  })
})
