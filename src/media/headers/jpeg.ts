import { type ExifOrientation, hasExifMark, readExifOrientation } from './exif.ts'
import type { ImageHeader } from './header.ts'

/** Whether the file opens with JPEG's start-of-image marker and another marker. */
export const isJpeg = (file: DataView): boolean => file.byteLength >= 3 && file.getUint16(0) === 0xffd8 && file.getUint8(2) === 0xff

/** Reads the frame header (SOF) and the EXIF block before it. Throws a RangeError where the file ends before the frame header. */
export function readJpegHeader(file: DataView): ImageHeader {
  let orientation: ExifOrientation | undefined
  for (let at = 2; ; ) {
    // Any number of 0xff may stand before a marker.
    while (file.getUint8(at) !== 0xff) at++
    while (file.getUint8(at) === 0xff) at++
    const marker = file.getUint8(at++)
    if (standsAlone(marker)) continue
    const length = file.getUint16(at)
    if (marker === 0xe1 && hasExifMark(file, at + 2)) orientation ??= readExifOrientation(file, at + 8, length - 8)
    if (isFrameHeader(marker)) {
      const [bitDepth, height, width] = [file.getUint8(at + 2), file.getUint16(at + 3), file.getUint16(at + 5)]
      return { format: 'JPEG', width, height, bitDepth, animated: false, ...(orientation && { orientation }) }
    }
    at += length
  }
}

/** Markers without a length: padding, TEM, restarts, start and end of image. */
const standsAlone = (marker: number): boolean => marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd9)

/** SOF0 to SOF15, without the three in between that define tables. */
const isFrameHeader = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
