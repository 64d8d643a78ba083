import { describe, expect, it } from 'vitest'
import { cropRgb } from '../../../src/media/crop.ts'

const image = { width: 3, height: 2, data: Uint8Array.from({ length: 18 }, (_, i) => i) }

describe('cropRgb', () => {
  it('copies the pixels of a box', () => {
    expect([...cropRgb(image, { left: 1, top: 0, width: 2, height: 2 }).data]).toEqual([3, 4, 5, 6, 7, 8, 12, 13, 14, 15, 16, 17])
    expect([...cropRgb(image, { left: 2, top: 1, width: 1, height: 1 }).data]).toEqual([15, 16, 17])
  })

  it('refuses a box that is not inside', () => {
    expect(() => cropRgb(image, { left: 2, top: 0, width: 2, height: 1 })).toThrow('2×1 at 2, 0 is not inside a picture of 3×2')
    expect(() => cropRgb(image, { left: -1, top: 0, width: 2, height: 1 })).toThrow(RangeError)
  })
})
