import { type ExifOrientation, hasExifMark, readExifOrientation } from './exif.ts'
import { fourCharacters, type ImageHeader } from './header.ts'

/** Whether the file is a RIFF container of WebP. */
export const isWebp = (file: DataView): boolean => fourCharacters(file, 0) === 'RIFF' && fourCharacters(file, 8) === 'WEBP'

/** Reads VP8X, VP8L or VP8 for the size, and the EXIF chunk, which stands at the end. Throws a RangeError where the file ends too early. */
export function readWebpHeader(file: DataView): ImageHeader {
  const { width, height, animated } = readSize(file)
  let orientation: ExifOrientation | undefined
  for (let at = 12; at + 8 <= file.byteLength; ) {
    const length = file.getUint32(at + 4, true)
    if (fourCharacters(file, at) === 'EXIF') {
      const skip = hasExifMark(file, at + 8) ? 6 : 0
      orientation = readExifOrientation(file, at + 8 + skip, length - skip)
    }
    at += 8 + length + (length & 1)
  }
  return { format: 'WebP', width, height, bitDepth: 8, animated, ...(orientation && { orientation }) }
}

function readSize(file: DataView): { width: number; height: number; animated: boolean } {
  const first = fourCharacters(file, 12)
  if (first === 'VP8X') {
    const animated = (file.getUint8(20) & 0x02) !== 0
    return { width: readUint24(file, 24) + 1, height: readUint24(file, 27) + 1, animated }
  }
  if (first === 'VP8L') {
    const bits = file.getUint32(21, true)
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1, animated: false }
  }
  if (first === 'VP8 ') return { width: file.getUint16(26, true) & 0x3fff, height: file.getUint16(28, true) & 0x3fff, animated: false }
  return { width: 0, height: 0, animated: false }
}

const readUint24 = (file: DataView, at: number): number => file.getUint16(at, true) | (file.getUint8(at + 2) << 16)
