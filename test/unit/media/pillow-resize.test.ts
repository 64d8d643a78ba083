import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type ResizeFilter, resizeRgb } from '../../../src/media/pillow-resize.ts'

interface Case {
  filter: ResizeFilter
  in_size: [number, number]
  out_size: [number, number]
  input: number[]
  output: number[]
}

const { cases } = JSON.parse(readFileSync(new URL('../../goldens/tables/pil_resize.json', import.meta.url), 'utf8')) as { cases: Case[] }

describe('resizeRgb', () => {
  it.each(cases)('gives the bytes of Pillow: $filter, $in_size to $out_size', ({ filter, in_size, out_size, input, output }) => {
    const resized = resizeRgb({ width: in_size[0], height: in_size[1], data: Uint8Array.from(input) }, ...out_size, filter)
    expect([resized.width, resized.height]).toEqual(out_size)
    expect([...resized.data]).toEqual(output)
  })

  it('leaves a picture of the right size untouched', () => {
    const image = { width: 2, height: 1, data: new Uint8Array([1, 2, 3, 4, 5, 6]) }
    expect(resizeRgb(image, 2, 1, 'bicubic')).toBe(image)
  })

  it('keeps an even colour even, at the edges too', () => {
    const gray = { width: 13, height: 7, data: new Uint8Array(13 * 7 * 3).fill(201) }
    for (const [width, height] of [
      [5, 3],
      [40, 50],
      [1, 1],
    ] as const) {
      expect([...new Set(resizeRgb(gray, width, height, 'bicubic').data)]).toEqual([201])
    }
  })

  it.each([
    [0, 4],
    [4, -1],
    [2.5, 4],
    [Number.NaN, 1],
  ])('refuses a target of %s×%s', (width, height) => {
    const image = { width: 1, height: 1, data: new Uint8Array(3) }
    expect(() => resizeRgb(image, width, height, 'bicubic')).toThrow('whole numbers above 0')
  })
})
