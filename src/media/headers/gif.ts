import { fourCharacters, type ImageHeader } from './header.ts'

/** Whether the file opens with GIF's signature. */
export const isGif = (file: DataView): boolean => fourCharacters(file, 0) === 'GIF8'

/** Reads the screen size, and looks for a second image and for transparency of the first. Throws a RangeError where the file ends too early. */
export function readGifHeader(file: DataView): ImageHeader {
  const flags = file.getUint8(10)
  const [width, height] = [file.getUint16(6, true), file.getUint16(8, true)]
  const { images, transparencyAt } = walkBlocks(file, 13 + colourTableBytes(flags))
  const bitDepth = (flags & 7) + 1
  return { format: 'GIF', width, height, bitDepth, animated: images > 1, ...(transparencyAt !== undefined && { transparencyAt }) }
}

const colourTableBytes = (flags: number): number => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0)

/** Goes through the blocks up to the second image. */
function walkBlocks(file: DataView, start: number): { images: number; transparencyAt?: number } {
  let images = 0
  let transparencyAt: number | undefined
  for (let at = start; at + 10 < file.byteLength && images < 2; ) {
    const kind = file.getUint8(at)
    if (kind === 0x2c) {
      images++
      at += 11 + colourTableBytes(file.getUint8(at + 9))
    } else if (kind === 0x21) {
      // The graphic control extension of the first image.
      if (file.getUint8(at + 1) === 0xf9 && images === 0) transparencyAt = at + 3
      at += 2
    } else {
      break
    }
    // Sub-blocks: a length byte and so many bytes, until a length of 0.
    while (at < file.byteLength && file.getUint8(at) !== 0) at += file.getUint8(at) + 1
    at++
  }
  return { images, ...(transparencyAt !== undefined && { transparencyAt }) }
}
