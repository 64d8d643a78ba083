import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { planSlices, slicePicture } from '../../../src/media/minicpmv-slices.ts'

const OPTIONS = { resolution: 448, maxSlices: 9, patchSize: 14 }

const { sizes } = JSON.parse(readFileSync(new URL('../../goldens/tables/image_sizes.json', import.meta.url), 'utf8')) as {
  sizes: {
    size: [number, number]
    minicpmv_448_9: { overview: number[]; grid_cols_rows: number[] | null; slice: number[] | null } | null
  }[]
}

/** Sizes the model's authors' code gives at the real resolution. */
const PUBLISHED: [size: [number, number], overview: number[], grid: number[] | undefined, slice: number[] | undefined][] = [
  [[224, 224], [448, 448], undefined, undefined],
  [[448, 448], [448, 448], undefined, undefined],
  [
    [640, 480],
    [518, 392],
    [2, 1],
    [364, 546],
  ],
  [
    [1280, 640],
    [630, 322],
    [3, 2],
    [518, 392],
  ],
  [
    [1920, 1080],
    [602, 336],
    [4, 2],
    [420, 476],
  ],
  [
    [1344, 1344],
    [448, 448],
    [3, 3],
    [448, 448],
  ],
  [
    [3000, 200],
    [1722, 112],
    [4, 1],
    [868, 224],
  ],
]

describe('planSlices', () => {
  for (const [[width, height], overview, grid, slice] of PUBLISHED) {
    it(`cuts ${width}×${height} as the reference`, () => {
      const plan = planSlices(width, height, OPTIONS)
      expect([plan.overview, plan.slices?.grid, plan.slices?.size]).toEqual([overview, grid, slice])
    })
  }

  it('agrees with the reference on many sizes', () => {
    const known = sizes.filter((entry) => entry.minicpmv_448_9)
    expect(known.length).toBeGreaterThan(60)
    for (const { size, minicpmv_448_9: expected } of known) {
      const { overview, slices } = planSlices(...size, OPTIONS)
      expect([size, overview, slices?.grid ?? null, slices?.size ?? null]).toEqual([
        size,
        expected?.overview,
        expected?.grid_cols_rows,
        expected?.slice,
      ])
    }
  })

  it('never makes more slices than allowed', () => {
    expect(planSlices(1920, 1080, { ...OPTIONS, maxSlices: 1 }).slices).toBeUndefined()
    expect(planSlices(1920, 1080, { ...OPTIONS, maxSlices: 2 }).slices?.grid).toEqual([2, 1])
  })

  it('gives the thinnest picture sides of a patch at least', () => {
    expect(planSlices(1, 2000, OPTIONS).overview[0]).toBe(14)
  })
})

describe('slicePicture', () => {
  it('cuts row by row, and what stands side by side in the picture stands in neighbouring slices', () => {
    const [width, height] = [12, 8]
    const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
      const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)]
      return 60 * (Math.floor(x / 4) + 1) + (y < 4 ? 0 : 30)
    })
    const plan = { overview: [3, 2], slices: { grid: [3, 2], size: [4, 4] } } as const
    const { overview, grid, slices } = slicePicture({ width, height, data }, plan)
    expect([overview.width, overview.height, grid]).toEqual([3, 2, [3, 2]])
    expect(slices.map((slice) => [slice.width, slice.height, ...new Set(slice.data)])).toEqual(
      [60, 120, 180, 90, 150, 210].map((level) => [4, 4, level]),
    )
  })
})
