import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { resizeRgb } from '../../../src/media/pillow-resize.ts'
import { type PatchOptions, patchify, patchPositions, smartResize } from '../../../src/media/qwen2-vl-patches.ts'
import type { RgbImage } from '../../../src/media/rgb-image.ts'
import { decodeRgb } from '../../support/png.ts'

const goldens = new URL('../../goldens/', import.meta.url)
const json = (path: string) => JSON.parse(readFileSync(new URL(path, goldens), 'utf8'))
const picture = (path: string): Promise<RgbImage> => decodeRgb(new Uint8Array(readFileSync(new URL(`inputs/${path}`, goldens))))

const released: PatchOptions = {
  patchSize: 14,
  mergeSize: 2,
  temporalPatchSize: 2,
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
}

describe('smartResize', () => {
  const table = json('tables/image_sizes.json').sizes as Record<string, { resized: [number, number]; tokens: number } | null>[]
  const limits = {
    qwen2_vl_3136_12845056: { minPixels: 3136, maxPixels: 12845056 },
    qwen2_vl_3136_1003520: { minPixels: 3136, maxPixels: 1003520 },
    dse_qwen2_784_2007040: { minPixels: 784, maxPixels: 2007040 },
  }
  it.each(Object.entries(limits))('agrees with the reference on 87 sizes: %s', (key, bounds) => {
    for (const row of table) {
      const [width, height] = row['size'] as unknown as [number, number]
      const expected = row[key]
      const run = () => smartResize(height, width, { factor: 28, ...bounds })
      if (!expected) {
        expect(run, `${width}×${height}`).toThrow('aspect ratio')
        continue
      }
      const { width: w, height: h } = run()
      expect([width, height, w, h, (w * h) / 784]).toEqual([width, height, ...expected.resized, expected.tokens])
    }
    expect(table.length).toBe(87)
  })

  it('allows an aspect ratio of 200 and refuses more with a MediaError that names the size', () => {
    const bounds = { factor: 28, minPixels: 3136, maxPixels: 1003520 }
    expect(smartResize(10, 2000, bounds)).toEqual({ height: 28, width: 812 })
    expect(() => smartResize(10, 2001, bounds)).toThrow('2001×10')
    expect(() => smartResize(0, 5, bounds)).toThrow('5×0')
  })
})

describe('patchify', () => {
  interface GoldenCase {
    name: string
    request: {
      multi_modal_data?: { image?: string[]; video?: { frames: string[] }[] }
      mm_processor_kwargs?: { min_pixels: number; max_pixels: number }
    }
    intermediates: Record<string, { shape: number[]; indices: number[]; values: number[] }>
    grid_thw?: Record<string, number[]>[]
  }
  const { cases } = json('qwen2_vl/expected.json') as { cases: GoldenCase[] }
  const preprocessor = json('qwen2_vl/checkpoint/preprocessor_config.json') as { min_pixels: number; max_pixels: number }

  async function pixels(paths: string[], { min_pixels, max_pixels }: { min_pixels: number; max_pixels: number }) {
    const frames = await Promise.all(paths.map(picture))
    const { width, height } = smartResize(frames[0]!.height, frames[0]!.width, { factor: 28, minPixels: min_pixels, maxPixels: max_pixels })
    return patchify(
      frames.map((frame) => resizeRgb(frame, width, height, 'bicubic')),
      released,
    )
  }

  const items = cases.flatMap(({ name, request, intermediates }) =>
    (['image', 'video'] as const).flatMap((kind) => {
      const given = request.multi_modal_data?.[kind]
      const paths = Array.isArray(given) ? given.map((item) => (typeof item === 'string' ? [item] : item.frames)) : []
      return paths.map((frames, i) => ({
        name,
        item: `${kind} ${i}`,
        frames,
        limits: { ...preprocessor, ...request.mm_processor_kwargs },
        intermediates,
      }))
    }),
  )
  it.each(items)('gives the pixel values of transformers: $name, $item', async ({ item, frames, limits, intermediates }) => {
    const { data, grid } = await pixels(frames, limits)
    const expected = intermediates[`pixel_values[${item}]`]!
    expect([grid[0] * grid[1] * grid[2], 1176]).toEqual(expected.shape)
    const worst = Math.max(...expected.indices.map((index, i) => Math.abs(data[index]! - expected.values[i]!)))
    expect(worst).toBeLessThanOrEqual(1e-5)
  })
  it('covers every picture and clip of the goldens', () => expect(items.length).toBe(10))

  const plain = { patchSize: 2, mergeSize: 2, temporalPatchSize: 2, mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] }
  /** 8×4 pixels; red says the column, green the row, blue the frame. */
  const frame = (blue: number): RgbImage => ({
    width: 8,
    height: 4,
    data: Uint8Array.from({ length: 8 * 4 * 3 }, (_, i) => [(i / 3) % 8, Math.floor(i / 24), blue][i % 3]!),
  })
  const rounded = (values: Float32Array) => [...values].map(Math.round)

  it('orders columns by channel, frame, row and column', () => {
    const { data, grid } = patchify([frame(5), frame(6)], plain)
    expect(grid).toEqual([1, 2, 4])
    // The second patch: columns 2 and 3 of rows 0 and 1.
    expect(rounded(data.subarray(24, 48))).toEqual([2, 3, 2, 3, 2, 3, 2, 3, 0, 0, 1, 1, 0, 0, 1, 1, 5, 5, 5, 5, 6, 6, 6, 6])
  })

  it('orders rows block by block', () => {
    const { data } = patchify([frame(0)], plain)
    const corners = Array.from({ length: 8 }, (_, row) => [rounded(data)[row * 24 + 8], rounded(data)[row * 24]])
    expect(corners).toEqual([
      [0, 0],
      [0, 2],
      [2, 0],
      [2, 2],
      [0, 4],
      [0, 6],
      [2, 4],
      [2, 6],
    ])
  })

  it('repeats the last frame of an odd number', () => {
    const { data, grid } = patchify([frame(1), frame(2), frame(3)], plain)
    expect(grid).toEqual([2, 2, 4])
    const blues = (row: number) => rounded(data.subarray(row * 24 + 16, row * 24 + 24))
    expect(blues(0)).toEqual([1, 1, 1, 1, 2, 2, 2, 2])
    expect(blues(8)).toEqual([3, 3, 3, 3, 3, 3, 3, 3])
  })

  it('refuses no frames and frames of different sizes', () => {
    expect(() => patchify([], plain)).toThrow('at least one')
    expect(() => patchify([frame(0), { width: 4, height: 4, data: new Uint8Array(48) }], plain)).toThrow('8×4 and 4×4')
    expect(() => patchify([{ width: 6, height: 4, data: new Uint8Array(72) }], plain)).toThrow('not a multiple of 4')
  })
})

describe('patchPositions', () => {
  it('follows the rows of patchify, in every frame', () => {
    const one = [0, 0, 0, 1, 1, 0, 1, 1, 0, 2, 0, 3, 1, 2, 1, 3]
    expect([...patchPositions([1, 2, 4], 2)]).toEqual(one)
    expect([...patchPositions([2, 2, 4], 2)]).toEqual([...one, ...one])
  })
})
