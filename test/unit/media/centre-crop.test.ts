import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { resizeAndCrop } from '../../../src/media/centre-crop.ts'
import { resizeRgb } from '../../../src/media/pillow-resize.ts'
import type { RgbImage } from '../../../src/media/rgb-image.ts'
import { randomFloats } from '../../support/random.ts'

const noise = (width: number, height: number): RgbImage => {
  const data = Uint8Array.from(randomFloats(width * 1000 + height, width * height * 3, 0, 256))
  return { width, height, data }
}

interface SizeRow {
  size: [number, number]
  llava_336: { resized: [number, number]; crop_left_top: [number, number] }
}
const table: SizeRow[] = JSON.parse(readFileSync(new URL('../../goldens/tables/image_sizes.json', import.meta.url), 'utf8')).sizes

// Small pictures only: resizing all of them would take minutes.
const small = table.filter(({ size: [width, height] }) => width * height < 300_000 && Math.max(width, height) < 8 * Math.min(width, height))

describe('resizeAndCrop', () => {
  it.each(small.map(({ size, llava_336 }) => ({ size, ...llava_336 })))('$size: resized to $resized, cut from $crop_left_top', (row) => {
    const image = noise(...row.size)
    const resized = resizeRgb(image, ...row.resized, 'bicubic')
    const [left, top] = row.crop_left_top
    const square = resizeAndCrop(image, { shortSide: 336, side: 336, filter: 'bicubic' })
    expect([square.width, square.height, square.data.length]).toEqual([336, 336, 336 * 336 * 3])
    for (const y of [0, 100, 335]) {
      const from = ((top + y) * resized.width + left) * 3
      expect([...square.data.slice(y * 336 * 3, (y + 1) * 336 * 3)]).toEqual([...resized.data.slice(from, from + 336 * 3)])
    }
  })

  it('cuts a smaller square than the short side, as checkpoints with another crop size ask for', () => {
    const image = noise(8, 12)
    const square = resizeAndCrop(image, { shortSide: 8, side: 5, filter: 'bicubic' })
    expect([...square.data.slice(0, 3)]).toEqual([...image.data.slice((3 * 8 + 1) * 3, (3 * 8 + 1) * 3 + 3)])
  })

  it('refuses a picture so thin that it would fill the memory', () => {
    const thin = { width: 1, height: 100_000, data: new Uint8Array(300_000) }
    expect(() => resizeAndCrop(thin, { shortSide: 336, side: 336, filter: 'bicubic' })).toThrow('1×100000 pixels, which is too thin')
  })
})
