/** How a stored picture is to be turned: 1 (as it is) to 8, as in EXIF. `at`: where the value's 16 bits lie in the file. */
export interface ExifOrientation {
  readonly value: number
  readonly at: number
  readonly littleEndian: boolean
}

const ORIENTATION_TAG = 0x0112
const SHORT = 3

/** The orientation in a TIFF block that starts at `start` of the file. Gives undefined where there is none or the block is damaged. */
export function readExifOrientation(file: DataView, start: number, length: number): ExifOrientation | undefined {
  const end = Math.min(file.byteLength, start + length)
  if (end - start < 8) return undefined
  const mark = file.getUint16(start)
  if (mark !== 0x4949 && mark !== 0x4d4d) return undefined
  const littleEndian = mark === 0x4949
  const directory = start + file.getUint32(start + 4, littleEndian)
  if (directory + 2 > end) return undefined
  const entries = file.getUint16(directory, littleEndian)
  for (let i = 0; i < entries; i++) {
    const entry = directory + 2 + i * 12
    if (entry + 12 > end) return undefined
    if (file.getUint16(entry, littleEndian) !== ORIENTATION_TAG || file.getUint16(entry + 2, littleEndian) !== SHORT) continue
    const value = file.getUint16(entry + 8, littleEndian)
    return value >= 1 && value <= 8 ? { value, at: entry + 8, littleEndian } : undefined
  }
  return undefined
}

/** Whether these six bytes stand at `at`; they open EXIF blocks in JPEG and in some WebP files. */
export function hasExifMark(file: DataView, at: number): boolean {
  return at + 6 <= file.byteLength && file.getUint32(at) === 0x45786966 && file.getUint16(at + 4) === 0
}
