import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { RgbImage } from '../../../src/media/rgb-image.ts'
import type { PreparedByKind, PreparedMedia } from '../../../src/models/family.ts'
import { phi3V } from '../../../src/models/phi3-v.ts'
import { readPhi3VConfig } from '../../../src/models/phi3-v-config.ts'
import { expandPrompt, prepareEmbeds, prepareImage, tokensOf } from '../../../src/models/phi3-v-processor.ts'
import { goldenModelFiles, goldenTokenizer, readGolden } from '../../support/golden-files.ts'
import { decodeRgb } from '../../support/png.ts'

interface GoldenCase {
  name: string
  request: {
    prompt?: string
    multi_modal_data?: { image: string[] }
    mm_processor_kwargs?: Record<string, unknown>
  }
  rendered_prompt?: string
  prompt_token_ids: number[]
  placeholders: { modality: string; item: number; offset: number; length: number }[]
  image_sizes?: [number, number][]
  rope_factors: 'short' | 'long'
  intermediates: Record<string, { shape: number[]; indices: number[]; values: number[] }>
}

const config = readPhi3VConfig(goldenModelFiles('phi3_v'))
const { cases } = readGolden<{ cases: GoldenCase[] }>('phi3_v/expected.json')
const tokenizer = goldenTokenizer('phi3_v')
const encode = (text: string, special: boolean) => tokenizer.encode(text, { addSpecialTokens: special && 'auto' })
const imageToken = encode('<|image|>', false)[0] ?? -1

const item = (tokens: number): PreparedMedia => ({ kind: 'image', grid: [1, 1], tokens, inputs: {} })
const picture = (path: string): Promise<RgbImage> =>
  decodeRgb(new Uint8Array(readFileSync(new URL(`../../goldens/inputs/${path}`, import.meta.url))))

/** Phi-3.5-vision-instruct's numbers. */
const RELEASED = {
  ...config,
  cropRows: 12,
  maxPositions: 131072,
  crops: { usual: 4, most: 64 },
  vision: { ...config.vision, imageSize: 336, patches: 576 },
}
const white = (width: number, height: number): RgbImage => ({ width, height, data: new Uint8Array(width * height * 3).fill(255) })

describe('prepareImage', () => {
  for (const golden of cases.filter(({ request }) => request.multi_modal_data)) {
    it(`gives the reference's pixels: ${golden.name}`, async () => {
      for (const [i, path] of (golden.request.multi_modal_data?.image ?? []).entries()) {
        const { grid, inputs } = prepareImage(config, await picture(path), golden.request.mm_processor_kwargs ?? {})
        const side = config.vision.imageSize
        expect(grid.map((crops) => crops * side)).toEqual(golden.image_sizes?.[i])
        const expected = golden.intermediates[`pixel_values[${i}]`]
        if (!expected) throw new Error('no pixels')
        const [squares = 0] = expected.shape
        expect(inputs['patches']?.shape).toEqual([squares * config.vision.patches, 588])
        const errors = expected.indices.map((at, k) =>
          Math.abs((inputs['patches']?.data[patchPlace(at, side)] ?? Number.NaN) - (expected.values[k] ?? 0)),
        )
        expect(Math.max(...errors)).toBeLessThan(1e-5)
      }
    })
  }

  it.each([
    [224, 224, 4, 757],
    [224, 224, 16, 2509],
    [640, 480, 4, 757],
    [640, 480, 16, 1921],
    [480, 640, 16, 1933],
    [1280, 640, 4, 457],
    [1920, 1080, 16, 2353],
    [100, 1000, 4, 781],
    [100, 1000, 16, 1717],
  ])('makes of %i×%i pixels with %i crops the tokens of Phi-3.5-vision, %i', (width, height, num_crops, tokens) => {
    expect(prepareImage(RELEASED, white(width, height), { num_crops }).tokens).toBe(tokens)
  })

  it.each([[0], [1.5], ['4'], [65], [null]])('refuses %o for num_crops', (num_crops) => {
    expect(() => prepareImage(RELEASED, white(9, 9), { num_crops })).toThrow('it must be a whole number from 1 to 64')
  })

  it('refuses a picture that no prompt has room for', () => {
    expect(() => prepareImage({ ...RELEASED, maxPositions: 700 }, white(9, 9), {})).toThrow(
      /cut into 4 crops and take 757 tokens.*end at 700/,
    )
  })
})

/** Where a flat place of [squares, 3, side, side] stands among patches of 14 pixels. */
function patchPlace(at: number, side: number): number {
  const [x, y] = [at % side, Math.floor(at / side) % side]
  const channel = Math.floor(at / side ** 2) % 3
  const square = Math.floor(at / (3 * side ** 2))
  const patch = (square * (side / 14) + Math.floor(y / 14)) * (side / 14) + Math.floor(x / 14)
  return ((patch * 3 + channel) * 14 + (y % 14)) * 14 + (x % 14)
}

describe('expandPrompt', () => {
  for (const golden of cases) {
    it(`agrees with the reference: ${golden.name}`, () => {
      const media: PreparedMedia[] = []
      for (const { item: index, length } of golden.placeholders) media[index] = item(length)
      const text = golden.rendered_prompt ?? golden.request.prompt ?? ''
      const expanded = expandPrompt(config, text, encode, media.length > 0 ? { image: media } : {})
      expect(expanded.tokenIds).toEqual(golden.prompt_token_ids)
      expect(expanded.spans.map(({ kind, ...span }) => ({ modality: kind, ...span }))).toEqual(golden.placeholders)
    })
  }

  it('takes ids with one placeholder a picture, or with all of them', () => {
    const media = { image: [item(3)] }
    const spans = [{ kind: 'image', item: 0, offset: 1, length: 3 }]
    for (const ids of [
      [1, imageToken, 2],
      [1, imageToken, imageToken, imageToken, 2],
    ])
      expect(expandPrompt(config, ids, encode, media)).toEqual({ tokenIds: [1, imageToken, imageToken, imageToken, 2], spans })
  })

  it('lets a text name a picture twice', () => {
    const { spans, tokenIds } = expandPrompt(config, '<|image_1|><|image_1|>', encode, { image: [item(2)] })
    expect(tokenIds.filter((id) => id === imageToken).length).toBe(4)
    expect(spans.map((span) => span.item)).toEqual([0, 0])
  })

  const MISMATCHES: [what: string, prompt: string | number[], media: PreparedByKind, message: RegExp][] = [
    ['a tag without a picture', 'a <|image_1|>', {}, /has <\|image_1\|> but multi_modal_data has 0 image/],
    ['a picture without a tag', 'nothing', { image: [item(2)] }, /has no image tag but multi_modal_data has 1 image/],
    ['a gap in the numbers', '<|image_2|>', { image: [item(2), item(2)] }, /has <\|image_2\|> but multi_modal_data has 2/],
    ['numbers from 0', '<|image_0|><|image_1|>', { image: [item(2)] }, /counted from <\|image_1\|>/],
    ['ids without a placeholder', [1, 2], { image: [item(2)] }, /0 image placeholder\(s\)/],
  ]
  for (const [what, prompt, media, message] of MISMATCHES) {
    it(`refuses ${what}`, () => {
      expect(() => expandPrompt(config, prompt, encode, media)).toThrow(message)
    })
  }

  it('says so when a tokenizer has no token for pictures', () => {
    expect(() => expandPrompt(config, '<|image_1|>', () => [5, 6], { image: [item(2)] })).toThrow('has no token <|image|>')
    expect(expandPrompt(config, 'text', () => [5, 6], {})).toEqual({ tokenIds: [5, 6], spans: [] })
  })
})

describe('positions', () => {
  it('count all tokens, and move to the long factors beyond the original context', () => {
    const prompt = { tokenIds: [1, 2, 3], spans: [] }
    const { streams, next, long } = phi3V.positions(config, prompt, {})
    expect([...streams]).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2])
    expect([next, long]).toEqual([3, { above: 128, shift: 128 }])
  })
})

describe('tokensOf', () => {
  it('counts crops, whole and separators', () => {
    expect(tokensOf(RELEASED, 2, 2)).toBe(757)
    expect(tokensOf(config, 1, 1)).toBe(4 + 4 + 2 + 1 + 2)
  })
})

describe('prepareEmbeds', () => {
  const tensor = (...shape: number[]) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).map((_, i) => i) })

  it('splits items, and takes a single one without its axis', () => {
    const [first, second] = prepareEmbeds(config, 'image', { image_embeds: tensor(2, 3, 96) })
    expect([first?.tokens, second?.tokens]).toEqual([3, 3])
    expect(second?.inputs['embeds']?.data[0]).toBe(288)
    expect(prepareEmbeds(config, 'image', { image_embeds: tensor(5, 96) }).map(({ tokens }) => tokens)).toEqual([5])
  })

  it('says which shape it wants', () => {
    for (const image_embeds of [tensor(3, 95), tensor(96), tensor(1, 1, 3, 96), tensor(0, 96)])
      expect(() => prepareEmbeds(config, 'image', { image_embeds })).toThrow('expected [items, tokens, 96]')
    expect(() => prepareEmbeds(config, 'image', { embeds: tensor(3, 96) })).toThrow('need image_embeds; got embeds')
  })
})
