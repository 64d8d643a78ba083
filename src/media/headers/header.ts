import type { ExifOrientation } from './exif.ts'

/** What the first bytes of an image file say. */
export interface ImageHeader {
  readonly format: 'PNG' | 'JPEG' | 'WebP' | 'GIF' | 'BMP' | 'AVIF'
  /** Pixels as stored, before any turning. */
  readonly width: number
  readonly height: number
  /** Bits per channel, or per palette index. */
  readonly bitDepth: number
  readonly animated: boolean
  readonly orientation?: ExifOrientation
  /** GIF: the byte whose lowest bit makes a colour of the first image transparent. */
  readonly transparencyAt?: number
}

/** Four characters at `at`, as in chunk and box names. */
export const fourCharacters = (file: DataView, at: number): string =>
  at + 4 <= file.byteLength
    ? String.fromCharCode(file.getUint8(at), file.getUint8(at + 1), file.getUint8(at + 2), file.getUint8(at + 3))
    : ''
