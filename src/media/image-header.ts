import { mediaError, withCode } from '../util/errors.ts'
import { isAvif, mediaBrands, readAvifHeader } from './headers/avif.ts'
import { isBmp, readBmpHeader } from './headers/bmp.ts'
import { isGif, readGifHeader } from './headers/gif.ts'
import type { ImageHeader } from './headers/header.ts'
import { isJpeg, readJpegHeader } from './headers/jpeg.ts'
import { isPng, readPngHeader } from './headers/png.ts'
import { isWebp, readWebpHeader } from './headers/webp.ts'

export type { ImageHeader } from './headers/header.ts'

/** Most pixels a picture may have in a page: 160 MB once decoded. */
export const MAX_PIXELS = 40_000_000

const formats: readonly [name: string, is: (file: DataView) => boolean, read: (file: DataView) => ImageHeader][] = [
  ['PNG', isPng, readPngHeader],
  ['JPEG', isJpeg, readJpegHeader],
  ['WebP', isWebp, readWebpHeader],
  ['GIF', isGif, readGifHeader],
  ['BMP', isBmp, readBmpHeader],
  ['AVIF', isAvif, readAvifHeader],
]

/**
 * Reads what an image file says of itself before anything is decoded; the type a server or file name claims is not asked.
 * bytes: the file from its start (for WebP's EXIF the whole of it). name: how errors call it.
 * Errors: MediaError for what is no image of a known format, ends within its header or has no pixels.
 */
export function readImageHeader(bytes: Uint8Array, name = 'The picture'): ImageHeader {
  const file = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const format = formats.find(([, is]) => is(file))
  if (!format) throw mediaError(`${name} is ${describeUnknown(bytes)}; allowed are PNG, JPEG, WebP, GIF, BMP and AVIF pictures.`)
  const header = readOrUndefined(format[2], file)
  if (!header)
    throw mediaError(`${name} is a ${format[0]} file of ${bytes.length} bytes that ends within its header; hand in the complete file.`)
  if (!(header.width > 0 && header.height > 0)) {
    throw mediaError(`${name} is a ${header.format} file of ${header.width}×${header.height} pixels; both sides must be above 0.`)
  }
  return header
}

/** Refuses pictures that would take too much memory. Errors: MediaError (media_too_large) with the size found and the limit. */
export function checkPixelCount(width: number, height: number, maxPixels = MAX_PIXELS, name = 'The picture'): void {
  if (width * height <= maxPixels) return
  const found = `${name} is ${width}×${height} pixels (${millions(width * height)} million)`
  throw withCode(mediaError(`${found}; at most ${millions(maxPixels)} million are allowed. Scale it down first.`), 'media_too_large')
}

const millions = (count: number): string => (count / 1e6).toLocaleString('en', { maximumFractionDigits: 2, useGrouping: false })

function readOrUndefined(read: (file: DataView) => ImageHeader, file: DataView): ImageHeader | undefined {
  try {
    return read(file)
  } catch (error) {
    // A DataView's complaint about reading past the end.
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** What files begin with that are read in no place, or in another one; RIFF without its length. */
const CONTAINERS: readonly [start: string, name: string][] = [
  ['RIFFAVI ', 'an AVI file'],
  ['OggS', 'an Ogg file'],
  ['FLV\x01', 'a Flash video (FLV)'],
  ['\x30\x26\xb2\x75\x8e\x66\xcf\x11', 'a Windows Media file (WMV, WMA, ASF)'],
  ['\0\0\x01\xba', 'an MPEG program stream (MPG, VOB)'],
  ['\x1a\x45\xdf\xa3', 'a WebM or Matroska file'],
  ['RIFFWAVE', 'a WAV file'],
  ['\x89PNG', 'a PNG picture'],
  ['\xff\xd8\xff', 'a JPEG picture'],
  ['GIF8', 'a GIF picture'],
  ['RIFFWEBP', 'a WebP picture'],
]

/** Names what people hand in by mistake: what a file is that is none of the formats asked for. bytes: the file from its start. */
export function describeUnknown(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'empty (0 bytes)'
  const brands = mediaBrands(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  if (brands.some((brand) => /^(hei|hev|mif1)/.test(brand))) return 'a HEIC photograph, which browsers cannot decode (save it as JPEG)'
  if (brands.length > 0) return 'a video or sound file'
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, 1024)).replace(/^(\xef\xbb\xbf)?\s*/, '')
  if (/<svg[\s>]/i.test(text) && text.trimStart().startsWith('<')) return 'an SVG drawing (draw it on a canvas and hand that in)'
  if (/^(<!--[\s\S]*?-->\s*)*<(!doctype html|html|head|body)/i.test(text))
    return 'an HTML page (the address may lead to an error or login page)'
  if (text.startsWith('%PDF')) return 'a PDF document'
  const head = String.fromCharCode(...bytes.subarray(0, 12))
  const mark = head.startsWith('RIFF') ? `RIFF${head.slice(8)}` : head
  const container = CONTAINERS.find(([start]) => mark.startsWith(start))
  if (container) return container[1]
  if (/^(II\*\0|MM\0\*)/.test(text)) return 'a TIFF picture'
  if (/^\s*[{[]/.test(text)) return 'JSON text'
  return `in no known format (it begins with ${Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ')})`
}
