import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Encode, PreparedByKind, PreparedMedia } from '../../../src/models/family.ts'
import { readMinicpmvConfig } from '../../../src/models/minicpmv-config.ts'
import { prepareEmbeds, prepareImage, prepareVideo } from '../../../src/models/minicpmv-processor.ts'
import { expandPrompt, markersOf } from '../../../src/models/minicpmv-prompt.ts'
import { goldenModelFiles, goldenTokenizer, readGolden } from '../../support/golden-files.ts'

interface GoldenCase {
  name: string
  rendered_prompt?: string
  request: { prompt?: string; multi_modal_data?: { image?: string[] } }
  prompt_token_ids: number[]
  placeholders: { item: number; offset: number; length: number }[]
  slice_grid_cols_rows?: ([number, number] | null)[]
  patch_rows_cols?: [number, number][][]
  expanded_prompt: string
}

const files = goldenModelFiles('minicpmv')
const config = readMinicpmvConfig(files)
/** With the real model's 448 pixels, 9 slices and 64 rows. */
const real = readMinicpmvConfig({
  ...files,
  config: { ...files.config, query_num: 64 },
  preprocessorConfig: { ...files.preprocessorConfig, scale_resolution: 448, max_slice_nums: 9 },
})
const tokenizer = goldenTokenizer('minicpmv')
const encode: Encode = (text, special) => tokenizer.encode(text, { addSpecialTokens: special && 'auto' })
const { cases } = readGolden<{ cases: GoldenCase[] }>('minicpmv/expected.json')

const grey = (width: number, height: number) => ({ width, height, data: new Uint8Array(width * height * 3).fill(128) })

/** Width and height of a golden's picture, from its PNG header. */
function sizeOf(path: string): [number, number] {
  const header = readFileSync(new URL(`../../goldens/inputs/${path}`, import.meta.url))
  return [header.readUInt32BE(16), header.readUInt32BE(20)]
}

/** An item as prepareImage would make it, without its pixels. */
function item(pictures: number, grid: readonly [number, number] | null = null, kind: 'image' | 'video' = 'image'): PreparedMedia {
  const [cols, rows] = grid ?? [0, 0]
  return { kind, grid: [pictures, cols, rows], tokens: pictures * (1 + cols * rows) * config.resampler.queries, inputs: {} }
}

const mediaOf = (golden: GoldenCase): PreparedByKind => ({ image: (golden.slice_grid_cols_rows ?? []).map((grid) => item(1, grid)) })

describe('expandPrompt', () => {
  const cut = cases.filter(({ name }) => name !== 'image_embeds')
  for (const golden of cut) {
    it(`agrees with the reference: ${golden.name}`, () => {
      const { tokenIds, spans } = expandPrompt(config, golden.rendered_prompt ?? golden.request.prompt ?? '', encode, mediaOf(golden))
      expect(tokenIds).toEqual(golden.prompt_token_ids)
      expect(spans.map(({ item: index, offset, length }) => ({ item: index, offset, length }))).toEqual(
        golden.placeholders.map(({ item: index, offset, length }) => ({ item: index, offset, length })),
      )
    })

    it(`takes the same ids, expanded already: ${golden.name}`, () => {
      const media = mediaOf(golden)
      const first = expandPrompt(config, golden.rendered_prompt ?? golden.request.prompt ?? '', encode, media)
      expect(expandPrompt(config, golden.prompt_token_ids, encode, media)).toEqual(first)
    })
  }

  it('replaces placeholders in ids', () => {
    const ids = [...encode('Look: ', true), ...encode('(<image>./</image>)', false), ...encode(' Well?', false)]
    const { tokenIds, spans } = expandPrompt(config, ids, encode, { image: [item(1)] })
    expect(tokenizer.decode(tokenIds, { skipSpecialTokens: false })).toContain('<image_id>0</image_id><image><unk><unk><unk><unk></image>')
    expect(spans.length).toBe(1)
  })

  it('lets a picture’s parts have its rows in order', () => {
    const { spans } = expandPrompt(config, '(<image>./</image>)', encode, { image: [item(1, [2, 2])] })
    expect(spans.map(({ row }) => row)).toEqual([0, 4, 8, 12, 16])
  })

  it('writes frames without numbers, one a line, and finds their slices’ rows behind all overviews', () => {
    const media = { image: [item(1)], video: [item(2, [2, 1], 'video')] }
    const block = '<unk><unk><unk><unk>'
    const frame = `<image>${block}</image><slice>${block}</slice><slice>${block}</slice>`
    expect(markersOf(config, 'video', 0, media)).toBe(`${frame}\n${frame}`)
    const { spans } = expandPrompt(config, '(<video>./</video>) and (<image>./</image>)', encode, media)
    expect(spans.map(({ kind, row }) => [kind, row])).toEqual([
      ['video', 0],
      ['video', 8],
      ['video', 12],
      ['video', 4],
      ['video', 16],
      ['video', 20],
      ['image', 0],
    ])
  })

  it('counts pictures from 0, with rows of slices on lines of their own', () => {
    const media = { image: [item(1), item(1, [2, 2])] }
    const block = '<unk><unk><unk><unk>'
    const slice = `<slice>${block}</slice>`
    expect(markersOf(config, 'image', 1, media)).toBe(`<image_id>1</image_id><image>${block}</image>${slice}${slice}\n${slice}${slice}`)
    expect(markersOf({ ...config, useImageId: false }, 'image', 0, media)).toBe(`<image>${block}</image>`)
  })

  it.each<[what: string, prompt: string | number[], media: PreparedByKind, message: string]>([
    [
      'a picture without a placeholder',
      'hello',
      { image: [item(1)] },
      'has 0 place(s) of 4 <unk> between markers, but the media given take 1',
    ],
    ['a placeholder without a picture', '(<image>./</image>)', {}, '1 image placeholder(s) but multi_modal_data has 0 image(s)'],
    ['a clip where a picture is meant', '(<image>./</image>)', { video: [item(1, null, 'video')] }, 'has 0 image(s)'],
    [
      'markers in the text beside a placeholder',
      '<slice><unk><unk><unk><unk></slice>(<image>./</image>)',
      { image: [item(1)] },
      'has 2 place(s)',
    ],
  ])('refuses %s', (_, prompt, media, message) => {
    expect(() => expandPrompt(config, prompt, encode, media)).toThrow(message)
  })

  it('leaves text without media alone', () => {
    expect(expandPrompt(config, 'an <unk> token', encode, {})).toEqual({ tokenIds: encode('an <unk> token', true), spans: [] })
  })
})

describe('prepareImage and prepareVideo', () => {
  it.each<[width: number, height: number, vectors: number]>([
    [224, 224, 64],
    [448, 448, 64],
    [640, 480, 192],
    [1280, 640, 448],
    [1920, 1080, 576],
    [3000, 200, 320],
  ])('give as many rows for %i×%i as the reference: %i', (width, height, vectors) => {
    const { tokens, grid, inputs } = prepareImage(real, grey(width, height), {})
    expect(tokens).toBe(vectors)
    // Chunks of patches in the geometry hold all parts, and their inputs as many rows as that says.
    const chunks = Array.from({ length: (grid.length - 3) / 3 }, (_, i) => grid.slice(3 + 3 * i, 6 + 3 * i))
    expect(chunks.reduce((sum, [parts = 0]) => sum + 64 * parts, 0)).toBe(vectors)
    chunks.forEach(([parts = 0, rows = 0, cols = 0], i) => {
      expect(inputs[`patches${i}`]?.shape).toEqual([parts * rows * cols, 588])
      expect(parts * rows * cols).toBeLessThanOrEqual(4096)
    })
  })

  it('cut pictures into the reference’s patches', () => {
    const cut = cases.filter(({ patch_rows_cols }) => patch_rows_cols)
    expect(cut.length).toBeGreaterThan(4)
    for (const { request, patch_rows_cols = [] } of cut) {
      patch_rows_cols.forEach((parts, i) => {
        const { grid } = prepareImage(config, grey(...sizeOf(request.multi_modal_data?.image?.[i] ?? '')), {})
        const chunks = [parts.slice(0, 1), parts.slice(1)].filter(({ length }) => length > 0)
        expect(grid.slice(3)).toEqual(chunks.flatMap((chunk) => [chunk.length, ...(chunk[0] ?? [])]))
      })
    }
  })

  it('take max_slice_nums, two for a clip unless told otherwise', () => {
    expect(prepareImage(real, grey(1920, 1080), { max_slice_nums: 2 }).tokens).toBe(192)
    expect(prepareImage(real, grey(1920, 1080), { max_slice_nums: 1 }).tokens).toBe(64)
    const frames = [grey(1920, 1080), grey(1920, 1080)]
    expect(prepareVideo(real, frames, {})).toMatchObject({ kind: 'video', tokens: 2 * 192 })
    expect(prepareVideo(real, frames, { max_slice_nums: 1 }).tokens).toBe(2 * 64)
  })

  it('put slices after all overviews', () => {
    const { grid } = prepareVideo(real, [grey(640, 480), grey(640, 480)], {})
    expect(grid).toEqual([2, 2, 1, 2, 28, 37, 4, 39, 26])
  })

  it.each<[what: string, run: () => unknown, message: string]>([
    ['no frames', () => prepareVideo(real, [], {}), 'has no frames'],
    ['frames of two sizes', () => prepareVideo(real, [grey(8, 8), grey(9, 8)], {}), 'got 8×8 and 9×8'],
    ['a slice count that is none', () => prepareImage(real, grey(8, 8), { max_slice_nums: 0 }), 'max_slice_nums is 0'],
    ['a picture that is a line', () => prepareImage(real, grey(1, 1001), {}), '1×1001 pixels, an aspect ratio above 1000'],
    [
      'more than the positions hold',
      () => prepareVideo({ ...real, maxPositions: 1000 }, Array(6).fill(grey(640, 480)), {}),
      "6 frames of the video would take 1152 tokens with 2 slices each, but the model's positions end at 1000",
    ],
  ])('refuse %s', (_, run, message) => {
    expect(run).toThrow(message)
  })
})

describe('prepareEmbeds', () => {
  const rows = (parts: number) => ({ data: new Float32Array(parts * 4 * 256).map((_, i) => i), shape: [parts, 4, 256] })
  const sizes = (...sides: number[]) => ({ data: Float32Array.from(sides), shape: [sides.length / 2, 2] })

  it('splits the rows of several pictures by what their sizes are cut into', () => {
    const items = prepareEmbeds(config, 'image', { image_embeds: rows(4), image_sizes: sizes(160, 120, 100, 100) })
    expect(items.map(({ tokens, grid }) => [tokens, grid])).toEqual([
      [12, [1, 2, 1]],
      [4, [1, 0, 0]],
    ])
    expect(items[1]?.inputs['embeds']?.data[0]).toBe(12 * 256)
  })

  it.each<[what: string, tensors: Parameters<typeof prepareEmbeds>[2], message: string]>([
    ['no sizes', { image_embeds: rows(1) }, 'need image_embeds and image_size_list; got image_embeds'],
    ['sizes that are no pairs', { image_embeds: rows(1), image_size_list: sizes(10, 10, 10) }, 'expected [pictures, 2]'],
    ['sides of zero', { image_embeds: rows(1), image_size_list: sizes(0, 10) }, 'expected [pictures, 2]'],
    ['too many rows', { image_embeds: rows(2), image_size_list: sizes(100, 100) }, 'shape [2,4,256]; expected [1, 4, 256]'],
  ])('refuses %s', (_, tensors, message) => {
    expect(() => prepareEmbeds(config, 'image', tensors)).toThrow(message)
  })

  it('refuses embeddings of clips', () => {
    expect(() => prepareEmbeds(config, 'video', {})).toThrow('not of video')
  })
})
