import { describe, expect, it } from 'vitest'
import type { PreparedByKind, PreparedMedia } from '../../../src/models/family.ts'
import { readQwen2VlConfig } from '../../../src/models/qwen2-vl-config.ts'
import { expandPrompt, mropePositions, prepareEmbeds, prepareImage, prepareVideo } from '../../../src/models/qwen2-vl-processor.ts'
import { goldenModelFiles, readGolden } from '../../support/golden-files.ts'

interface GoldenCase {
  name: string
  prompt_token_ids: number[]
  placeholders: { modality: 'image' | 'video'; item: number; offset: number; length: number }[]
  mrope: { position_ids: number[][]; next_position: number }
  grid_thw?: Record<'image' | 'video', number[]>[]
}

const config = readQwen2VlConfig(goldenModelFiles('qwen2_vl'))
const { cases } = readGolden<{ cases: GoldenCase[] }>('qwen2_vl/expected.json')
const { imageToken, videoToken } = config

const item = (kind: 'image' | 'video', grid: number[]): PreparedMedia => {
  const [t = 0, h = 0, w = 0] = grid
  return { kind, grid, tokens: (t * h * w) / 4, inputs: {} }
}

/** A case's items, from its grids. */
function mediaOf(golden: GoldenCase): PreparedByKind {
  const media: { image: PreparedMedia[]; video: PreparedMedia[] } = { image: [], video: [] }
  for (const { modality, item: index, length } of golden.placeholders) {
    const grid = (golden.grid_thw ?? []).filter((entry) => entry[modality])[index]?.[modality] ?? []
    expect(item(modality, grid).tokens).toBe(length)
    media[modality].push(item(modality, grid))
  }
  return media
}

describe('expandPrompt and mropePositions', () => {
  for (const golden of cases.filter((entry) => !entry.name.includes('embeds'))) {
    it(`agree with the reference: ${golden.name}`, () => {
      const media = mediaOf(golden)
      const single = collapse(golden)
      const expanded = expandPrompt(config, single, () => [], media)
      expect(expanded.tokenIds).toEqual(golden.prompt_token_ids)
      expect(expanded.spans.map(({ kind, ...span }) => ({ modality: kind, ...span }))).toEqual(golden.placeholders)
      const positions = mropePositions(config, expanded, media)
      expect([...positions.streams]).toEqual(golden.mrope.position_ids.flat())
      expect(positions.next).toBe(golden.mrope.next_position)
    })
  }

  it('takes ids that are expanded already as they are', () => {
    const ids = [1, imageToken, imageToken, imageToken, imageToken, 2]
    const expanded = expandPrompt(config, ids, () => [], { image: [item('image', [1, 4, 4])] })
    expect(expanded.tokenIds).toEqual(ids)
    expect(expanded.spans).toEqual([{ kind: 'image', item: 0, offset: 1, length: 4 }])
  })

  it('tells two placeholders side by side from one that is expanded', () => {
    const media = { image: [item('image', [1, 2, 2]), item('image', [1, 2, 4])] }
    const expanded = expandPrompt(config, [imageToken, imageToken], () => [], media)
    expect(expanded.spans.map((span) => [span.offset, span.length])).toEqual([
      [0, 1],
      [1, 2],
    ])
  })

  const MISMATCHES: [what: string, ids: number[], media: PreparedByKind, message: RegExp][] = [
    ['a placeholder without a picture', [1, imageToken], {}, /1 image placeholder\(s\) but multi_modal_data has 0 image/],
    [
      'a picture without a placeholder',
      [1, 2],
      { image: [item('image', [1, 4, 4])] },
      /0 image placeholder\(s\) but multi_modal_data has 1/,
    ],
    ['a video placeholder for a picture', [videoToken], { image: [item('image', [1, 4, 4])] }, /0 image placeholder/],
    ['a run that is too short', [imageToken, imageToken], { image: [item('image', [1, 4, 4])] }, /2 image placeholder\(s\)/],
  ]
  for (const [what, ids, media, message] of MISMATCHES) {
    it(`refuses ${what}`, () => {
      expect(() => expandPrompt(config, ids, () => [], media)).toThrow(message)
    })
  }
})

describe('prepareImage and prepareVideo', () => {
  const picture = (width: number, height: number) => ({ width, height, data: new Uint8Array(width * height * 3).fill(128) })

  const SIZES: [width: number, height: number, options: Record<string, number>, grid: number[]][] = [
    [28, 28, {}, [1, 4, 4]],
    [112, 84, {}, [1, 6, 8]],
    [448, 448, {}, [1, 16, 16]],
    [448, 448, { max_pixels: 12544 }, [1, 8, 8]],
    [56, 56, { min_pixels: 12544, max_pixels: 50176 }, [1, 8, 8]],
  ]
  for (const [width, height, options, grid] of SIZES) {
    it(`gives ${grid.join('×')} patches for ${width}×${height} ${JSON.stringify(options)}`, () => {
      const prepared = prepareImage(config, picture(width, height), options)
      expect(prepared.grid).toEqual(grid)
      expect(prepared.inputs['patches']?.shape).toEqual([(grid[1] ?? 0) * (grid[2] ?? 0), 1176])
      expect(prepared.inputs['cos']?.shape).toEqual([(grid[1] ?? 0) * (grid[2] ?? 0), config.vision.headDim / 2])
    })
  }

  it('pairs frames, repeating an odd last one', () => {
    expect(prepareVideo(config, [picture(56, 56), picture(56, 56), picture(56, 56)], {}).grid[0]).toBe(2)
  })

  it('refuses what it cannot use, naming it', () => {
    expect(() => prepareVideo(config, [], {})).toThrow(/no frames/)
    expect(() => prepareVideo(config, [picture(56, 56), picture(56, 28)], {})).toThrow(/one size; got 56×56 and 56×28/)
    expect(() => prepareImage(config, picture(6000, 28), {})).toThrow(/200/)
    expect(() => prepareImage(config, picture(56, 56), { max_pixels: -1 })).toThrow(/max_pixels is -1/)
    expect(() => prepareImage(config, picture(56, 56), { min_pixels: 60_000, max_pixels: 50_000 })).toThrow(
      /min_pixels 60000 is above max_pixels 50000/,
    )
  })
})

describe('prepareEmbeds', () => {
  const tensors = (rows: number, grids: number[][]) => ({
    image_embeds: { data: Float32Array.from({ length: rows * 64 }, (_, i) => i), shape: [rows, 64] },
    image_grid_thw: { data: Int32Array.from(grids.flat()), shape: [grids.length, 3] },
  })

  it('splits flat embeddings by their grids', () => {
    const items = prepareEmbeds(
      config,
      'image',
      tensors(5, [
        [1, 2, 2],
        [1, 4, 4],
      ]),
    )
    expect(items.map((entry) => entry.tokens)).toEqual([1, 4])
    expect(items[1]?.inputs['embeds']?.data[0]).toBe(64)
  })

  it('names the expected shape when they do not fit', () => {
    expect(() =>
      prepareEmbeds(
        config,
        'image',
        tensors(4, [
          [1, 2, 2],
          [1, 4, 4],
        ]),
      ),
    ).toThrow(/shape \[4,64\]; expected \[5, 64\]/)
    expect(() => prepareEmbeds(config, 'image', {})).toThrow(/need image_embeds and image_grid_thw/)
    expect(() => prepareEmbeds(config, 'video', tensors(1, [[1, 2, 2]]))).toThrow(/need video_embeds and video_grid_thw; got image_embeds/)
  })
})

/** The prompt as it was before expansion: one placeholder per item. */
function collapse(golden: GoldenCase): number[] {
  const inside = new Set(golden.placeholders.flatMap(({ offset, length }) => Array.from({ length: length - 1 }, (_, i) => offset + 1 + i)))
  return golden.prompt_token_ids.filter((_, i) => !inside.has(i))
}
