import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { cutPatches, frameHd, hdPixels, planHd } from '../../../src/media/hd-transform.ts'
import type { RgbImage } from '../../../src/media/rgb-image.ts'

interface Row {
  size: [number, number]
  phi3_v_4_crops: Expected
  phi3_v_16_crops: Expected
}
type Expected = { scaled: [number, number]; rows_cols: [number, number]; tokens: number } | null

const table = JSON.parse(readFileSync(new URL('../../goldens/tables/image_sizes.json', import.meta.url), 'utf8')).sizes as Row[]
const solid = (width: number, height: number, value: number): RgbImage => ({
  width,
  height,
  data: new Uint8Array(width * height * 3).fill(value),
})

describe('planHd', () => {
  it.each([4, 16] as const)('agrees with the reference on 87 sizes with %i crops', (crops) => {
    for (const row of table) {
      const [width, height] = row.size
      const expected = row[`phi3_v_${crops}_crops`]
      const run = () => planHd(width, height, { side: 336, crops })
      if (!expected) {
        expect(run, `${width}×${height}`).toThrow('less thin')
        continue
      }
      const { portrait, scaled, grid } = run()
      const upright = portrait ? [scaled.height, scaled.width] : [scaled.width, scaled.height]
      expect([width, height, ...upright, ...grid]).toEqual([width, height, ...expected.scaled, ...expected.rows_cols])
    }
    expect(table.length).toBe(87)
  })

  it('turns a portrait on its side, a square not', () => {
    expect(planHd(480, 640, { side: 336, crops: 16 })).toEqual({ portrait: true, scaled: { width: 1344, height: 1008 }, grid: [4, 3] })
    expect(planHd(64, 64, { side: 336, crops: 4 })).toMatchObject({ portrait: false, grid: [2, 2] })
  })
})

describe('frameHd', () => {
  it('puts the picture in the middle of white', () => {
    const frame = frameHd(solid(40, 21, 7), planHd(40, 21, { side: 4, crops: 15 }), 4)
    // 40 × 21 becomes 20 × 10, five crops wide and two and a half high.
    expect([frame.width, frame.height]).toEqual([20, 12])
    const column = Array.from({ length: 12 }, (_, y) => frame.data[(y * 20 + 3) * 3])
    expect(column).toEqual([255, ...Array(10).fill(7), 255])
  })

  it('puts an odd line below', () => {
    const frame = frameHd(solid(8, 6, 7), planHd(8, 6, { side: 4, crops: 2 }), 4)
    expect([frame.width, frame.height]).toEqual([4, 4])
    expect(Array.from({ length: 4 }, (_, y) => frame.data[y * 12])).toEqual([7, 7, 7, 255])
  })

  it('pads a portrait at its sides', () => {
    const frame = frameHd(solid(21, 40, 7), planHd(21, 40, { side: 4, crops: 15 }), 4)
    expect([frame.width, frame.height]).toEqual([12, 20])
    expect(Array.from({ length: 12 }, (_, x) => frame.data[(5 * 12 + x) * 3])).toEqual([255, ...Array(10).fill(7), 255])
  })
})

describe('hdPixels and cutPatches', () => {
  const [side, patch] = [4, 2]
  // Every pixel its own value.
  const frame: RgbImage = { width: 8, height: 4, data: Uint8Array.from({ length: 96 }, (_, i) => i) }
  const statistics = { mean: [0, 0, 0], std: [1, 1, 1] }
  const pixels = hdPixels(frame, side, statistics)

  it('gives the whole first, then the crops, each channel by channel', () => {
    expect(pixels.length).toBe(3 * 3 * side * side)
    const at = (square: number, channel: number, y: number, x: number) => pixels[((square * 3 + channel) * side + y) * side + x]
    expect(at(1, 2, 3, 1)).toBeCloseTo(frame.data[(3 * 8 + 1) * 3 + 2]! / 255, 6)
    expect(at(2, 0, 1, 2)).toBeCloseTo(frame.data[(1 * 8 + 6) * 3]! / 255, 6)
  })

  it('cuts each square into patches row by row, columns by channel, y, x', () => {
    const patches = cutPatches(pixels, side, patch)
    const row = (index: number) => [...patches.subarray(index * 12, (index + 1) * 12)]
    const expected = [0, 1, 2].flatMap((channel) =>
      [2, 3].flatMap((y) => [0, 1].map((x) => pixels[((2 * 3 + channel) * side + y) * side + x])),
    )
    // Square 2, second row of patches, first column.
    expect(row(2 * 4 + 2)).toEqual(expected)
  })
})
