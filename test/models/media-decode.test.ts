import { describe, expect, it } from 'vitest'
import type { RgbImage } from '../../src/media/rgb-image.ts'
import { maxError } from '../support/compare.ts'
import { decodeInWorker, failure, golden } from '../support/decode.ts'
import { decodeRgb } from '../support/png.ts'

interface Case {
  file: string
  width: number
  height: number
  tolerance: number
  rgb: string
}

const { cases } = JSON.parse(await (await golden('media/expected.json')).text()) as { cases: Case[] }
const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
const sizeOf = ({ width, height }: RgbImage) => `${width}×${height}`

describe('decoding picture files in a worker', () => {
  for (const { file, width, height, tolerance, rgb } of cases) {
    it(`reads ${file} as Pillow does${tolerance ? `, within ${tolerance} levels` : ', byte for byte'}`, async () => {
      const decoded = await decodeInWorker({ kind: 'blob', blob: await golden(`media/${file}`) })
      expect(sizeOf(decoded)).toBe(`${width}×${height}`)
      expect(maxError(decoded.data, bytesOf(rgb))).toBeLessThanOrEqual(tolerance)
    })
  }

  it.each(['stamp.png', 'gray.png', 'glass.png', 'cup.png'])(
    'reads the golden %s byte for byte, colours under alpha 0 too',
    async (file) => {
      const blob = await golden(`inputs/images/${file}`)
      const decoded = await decodeInWorker({ kind: 'blob', blob })
      const expected = await decodeRgb(new Uint8Array(await blob.arrayBuffer()))
      expect(sizeOf(decoded)).toBe(sizeOf(expected))
      expect(maxError(decoded.data, expected.data)).toBe(0)
    },
  )

  it('leaves a picture as it is stored when EXIF is not wanted', async () => {
    const turned = await decodeInWorker({ kind: 'blob', blob: await golden('media/exif6.jpg') })
    const stored = await decodeInWorker({ kind: 'blob', blob: await golden('media/exif6.jpg') }, { exif: false })
    const upright = await decodeInWorker({ kind: 'blob', blob: await golden('media/444.jpg') })
    expect(sizeOf(turned)).toBe('17×24')
    expect(sizeOf(stored)).toBe('24×17')
    expect(maxError(stored.data, upright.data)).toBe(0)
  })

  it('reads http, blob and data addresses', async () => {
    const blob = await golden('media/rgba.png')
    const expected = await decodeInWorker({ kind: 'blob', blob })
    const object = URL.createObjectURL(blob)
    const data = `data:image/png;base64,${btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())))}`
    for (const url of [object, data, new URL('/test/goldens/media/rgba.png', location.href).href]) {
      const decoded = await decodeInWorker({ kind: 'url', url })
      expect(maxError(decoded.data, expected.data)).toBe(0)
    }
    URL.revokeObjectURL(object)
  })
})

describe('decoding what is already in memory', () => {
  const rgba = new Uint8ClampedArray([200, 100, 50, 128, 9, 8, 7, 0, 1, 2, 3, 255, 255, 0, 77, 30])
  const rgb = [200, 100, 50, 9, 8, 7, 1, 2, 3, 255, 0, 77]

  it('takes RGBA bytes and drops alpha', async () => {
    const decoded = await decodeInWorker({ kind: 'rgba', data: rgba, width: 2, height: 2 })
    expect([...decoded.data]).toEqual(rgb)
  })

  it('reads a bitmap that keeps its colours under alpha exactly', async () => {
    const bitmap = await createImageBitmap(new ImageData(rgba, 2, 2), { premultiplyAlpha: 'none' })
    const decoded = await decodeInWorker({ kind: 'bitmap', bitmap }, {}, [bitmap])
    expect([...decoded.data]).toEqual(rgb)
  })

  it('undoes premultiplied alpha in a bitmap of a canvas', async () => {
    const canvas = new OffscreenCanvas(2, 2)
    canvas.getContext('2d')?.putImageData(new ImageData(rgba, 2, 2), 0, 0)
    const bitmap = canvas.transferToImageBitmap()
    const decoded = await decodeInWorker({ kind: 'bitmap', bitmap }, {}, [bitmap])
    // Premultiplied bytes cannot say more: a level at alpha 128, four at alpha 30, all under alpha 0.
    const expected = [200, 100, 50, 0, 0, 0, 1, 2, 3, 255, 0, 77]
    expect(maxError(decoded.data.subarray(0, 9), expected.slice(0, 9))).toBeLessThanOrEqual(1)
    expect(maxError(decoded.data.subarray(9), expected.slice(9))).toBeLessThanOrEqual(4)
  })

  it('reads a camera-like I420 frame at its display size', async () => {
    const yuv = new Uint8Array([...new Array(16).fill(81), ...new Array(4).fill(90), ...new Array(4).fill(240)])
    const colorSpace = { matrix: 'smpte170m', primaries: 'smpte170m', transfer: 'smpte170m', fullRange: false } as const
    const frame = new VideoFrame(yuv, { format: 'I420', codedWidth: 4, codedHeight: 4, timestamp: 0, colorSpace })
    const decoded = await decodeInWorker({ kind: 'frame', frame }, {}, [frame])
    expect(sizeOf(decoded)).toBe('4×4')
    expect(maxError(decoded.data.subarray(0, 3), [255, 0, 0])).toBeLessThanOrEqual(2)
  })
})

describe('refusing what is no picture', () => {
  const cut = async (file: string) => (await golden(`media/${file}`)).slice(0, Math.floor((await golden(`media/${file}`)).size * 0.6))
  const bomb = (side: number) => {
    const bytes = new Uint8Array(33)
    bytes.set([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52])
    new DataView(bytes.buffer).setUint32(16, side)
    new DataView(bytes.buffer).setUint32(20, side)
    bytes.set([8, 6], 24)
    return new Blob([bytes])
  }
  const corrupt = async () => {
    const bytes = new Uint8Array(await (await golden('media/rgb.png')).arrayBuffer())
    bytes.fill(0xaa, 60, 400)
    return new Blob([bytes])
  }
  const table: [string, () => Blob | Promise<Blob>, RegExp][] = [
    ['an empty file', () => new Blob([]), /^MediaError: .*empty \(0 bytes\); allowed are PNG, JPEG/],
    ['an HTML page', () => new Blob(['<!DOCTYPE html><title>404</title>'], { type: 'image/png' }), /^MediaError: .*HTML page/],
    ['an SVG drawing', () => new Blob(['<svg xmlns="http://www.w3.org/2000/svg"/>'], { type: 'image/svg+xml' }), /^MediaError: .*SVG/],
    ['a truncated PNG', () => cut('rgb.png'), /^MediaError: .*damaged or incomplete PNG/],
    ['a truncated JPEG', () => cut('444.jpg'), /^MediaError: .*JPEG/],
    ['a truncated WebP', () => cut('rgb.webp'), /^MediaError: .*damaged or incomplete WebP/],
    ['a truncated GIF', () => cut('still.gif'), /^MediaError: .*damaged or incomplete GIF/],
    ['a truncated BMP', () => cut('rgb.bmp'), /^MediaError: .*damaged or incomplete BMP/],
    ['a truncated AVIF', () => cut('lossy.avif'), /^MediaError: .*damaged or incomplete AVIF/],
    ['a corrupt PNG', corrupt, /^MediaError: .*damaged or incomplete PNG/],
    ['a 20000×20000 PNG header', () => bomb(20000), /^MediaError: .*20000×20000 pixels \(400 million\); at most 40 million/],
    ['a PNG without pixels', () => bomb(0), /^MediaError: .*0×0 pixels/],
  ]
  for (const [what, make, message] of table) {
    it(`refuses ${what} and reads the next picture`, async () => {
      expect(await failure(decodeInWorker({ kind: 'blob', blob: await make() }))).toMatch(message)
      const next = await decodeInWorker({ kind: 'blob', blob: await golden('media/one.png') })
      expect([...next.data]).toEqual([10, 200, 30])
    })
  }

  it('refuses addresses that lead nowhere, with the status', async () => {
    const url = new URL('/test/goldens/media/none.png', location.href).href
    expect(await failure(decodeInWorker({ kind: 'url', url }))).toMatch(/^MediaError: .*none\.png.*(404|HTML page)/)
  })
})
