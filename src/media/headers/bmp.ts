import { fourCharacters, type ImageHeader } from './header.ts'

const CORE_HEADER_BYTES = 12

/** Whether the file opens as a Windows bitmap with a header of a known size. */
export const isBmp = (file: DataView): boolean =>
  fourCharacters(file, 0).startsWith('BM') && file.byteLength >= 18 && [12, 40, 52, 56, 64, 108, 124].includes(file.getUint32(14, true))

/** Reads the size; a negative height only means that rows run downwards. Throws a RangeError where the file ends too early. */
export function readBmpHeader(file: DataView): ImageHeader {
  const core = file.getUint32(14, true) === CORE_HEADER_BYTES
  const width = core ? file.getUint16(18, true) : file.getInt32(18, true)
  const height = core ? file.getUint16(20, true) : Math.abs(file.getInt32(22, true))
  const bitsPerPixel = file.getUint16(core ? 24 : 28, true)
  return { format: 'BMP', width, height, bitDepth: Math.min(bitsPerPixel, 8), animated: false }
}
