import { type ExifOrientation, readExifOrientation } from './exif.ts'
import { fourCharacters, type ImageHeader } from './header.ts'

/** Whether the file opens with PNG's signature. */
export const isPng = (file: DataView): boolean =>
  file.byteLength >= 8 && file.getUint32(0) === 0x89504e47 && file.getUint32(4) === 0x0d0a1a0a

/** Reads IHDR, and notes acTL (animation) and eXIf. Throws a RangeError where the file ends too early. */
export function readPngHeader(file: DataView): ImageHeader {
  const [width, height, bitDepth] = [file.getUint32(16), file.getUint32(20), file.getUint8(24)]
  let animated = false
  let orientation: ExifOrientation | undefined
  for (let at = 8; at + 8 <= file.byteLength; ) {
    const length = file.getUint32(at)
    const type = fourCharacters(file, at + 4)
    if (type === 'acTL') animated = true
    if (type === 'eXIf') orientation = readExifOrientation(file, at + 8, length)
    at += 12 + length
  }
  return { format: 'PNG', width, height, bitDepth, animated, ...(orientation && { orientation }) }
}
