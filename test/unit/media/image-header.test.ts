import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { checkPixelCount, readImageHeader } from '../../../src/media/image-header.ts'

const media = (file: string) => new Uint8Array(readFileSync(new URL(`../../goldens/media/${file}`, import.meta.url)))
const text = (words: string) => new TextEncoder().encode(words)

describe('readImageHeader', () => {
  it.each([
    // file, format, width, height, bit depth, animated, orientation
    ['rgba.png', 'PNG', 24, 17, 8, false, undefined],
    ['rgb16.png', 'PNG', 24, 17, 16, false, undefined],
    ['gray4.png', 'PNG', 24, 17, 4, false, undefined],
    ['bilevel.png', 'PNG', 24, 17, 1, false, undefined],
    ['exif6.png', 'PNG', 24, 17, 8, false, 6],
    ['animated.png', 'PNG', 24, 17, 8, true, undefined],
    ['one.png', 'PNG', 1, 1, 8, false, undefined],
    ['420.jpg', 'JPEG', 24, 17, 8, false, undefined],
    ['progressive.jpg', 'JPEG', 24, 17, 8, false, undefined],
    ['cmyk.jpg', 'JPEG', 24, 17, 8, false, undefined],
    ['exif1.jpg', 'JPEG', 24, 17, 8, false, 1],
    ['exif8.jpg', 'JPEG', 24, 17, 8, false, 8],
    ['rgba.webp', 'WebP', 24, 17, 8, false, undefined],
    ['lossy.webp', 'WebP', 24, 17, 8, false, undefined],
    ['exif5.webp', 'WebP', 24, 17, 8, false, 5],
    ['animated.webp', 'WebP', 24, 17, 8, true, undefined],
    ['still.gif', 'GIF', 24, 17, 5, false, undefined],
    ['animated.gif', 'GIF', 24, 17, 5, true, undefined],
    ['rgb.bmp', 'BMP', 24, 17, 8, false, undefined],
    ['palette.bmp', 'BMP', 24, 17, 8, false, undefined],
    ['lossy.avif', 'AVIF', 24, 17, 8, false, undefined],
    ['exif6.avif', 'AVIF', 24, 17, 8, false, undefined],
  ] as const)('reads %s', (file, format, width, height, bitDepth, animated, orientation) => {
    const header = readImageHeader(media(file))
    expect(header).toMatchObject({ format, width, height, bitDepth, animated })
    expect(header.orientation?.value).toBe(orientation)
  })

  it('finds the header wherever the bytes begin in their buffer', () => {
    const file = media('exif6.jpg')
    const padded = new Uint8Array(file.length + 5)
    padded.set(file, 5)
    const { orientation } = readImageHeader(padded.subarray(5))
    expect(orientation?.value).toBe(6)
    expect(orientation && padded.subarray(5)[orientation.at + (orientation.littleEndian ? 0 : 1)]).toBe(6)
  })

  it('reads every format from any cut without hanging or throwing anything but a MediaError', () => {
    for (const file of ['rgba.png', 'exif6.jpg', 'exif5.webp', 'animated.gif', 'rgb.bmp', 'lossy.avif']) {
      const whole = media(file)
      for (let length = 0; length < Math.min(whole.length, 600); length++) {
        try {
          expect(readImageHeader(whole.subarray(0, length)).width).toBe(24)
        } catch (error) {
          expect((error as Error).name).toBe('MediaError')
        }
      }
    }
  })

  it.each([
    ['nothing', new Uint8Array(0), 'empty (0 bytes)'],
    ['HTML', text('\n<!doctype html><p>404'), 'an HTML page'],
    ['HTML after a comment', text('<!-- saved --><html>'), 'an HTML page'],
    ['SVG', text('<?xml version="1.0"?>\n<svg xmlns="…">'), 'an SVG drawing'],
    ['PDF', text('%PDF-1.7'), 'a PDF document'],
    ['TIFF', text('II*\0…'), 'a TIFF picture'],
    ['HEIC', text('\0\0\0\x18ftypheic\0\0\0\0mif1heic'), 'a HEIC photograph'],
    ['MP4', text('\0\0\0\x18ftypisom\0\0\0\0isommp42'), 'a video or sound file'],
    ['AVI', text('RIFF\x01\x02\x03\x04AVI LIST'), 'an AVI file'],
    ['Ogg', text('OggS\0\x02'), 'an Ogg file'],
    ['Matroska', new Uint8Array([0x1a, 0x45, 0xdf, 0xa3, 0x80]), 'a WebM or Matroska file'],
    ['WAV', text('RIFF\x01\x02\x03\x04WAVEfmt '), 'a WAV file'],
    ['JSON', text('{"error": "not found"}'), 'JSON text'],
    ['noise', new Uint8Array([1, 2, 3, 254]), 'it begins with 01 02 03 fe'],
    ['the start of a PNG', media('rgba.png').subarray(0, 20), 'ends within its header'],
    ['a JPEG without a frame', media('444.jpg').subarray(0, 60), 'ends within its header'],
  ])('names %s and what is allowed', (_what, bytes, found) => {
    expect(() => readImageHeader(bytes, 'image 2')).toThrow(found)
    expect(() => readImageHeader(bytes, 'image 2')).toThrow(/^image 2 .*(allowed are PNG, JPEG, WebP|complete file)/)
  })
})

describe('checkPixelCount', () => {
  it('names the size and the limit', () => {
    expect(() => checkPixelCount(20000, 20000)).toThrow('20000×20000 pixels (400 million); at most 40 million')
    expect(() => checkPixelCount(101, 100, 10_000)).toThrow('0.01 million')
    expect(checkPixelCount(8000, 5000)).toBeUndefined()
  })
})
