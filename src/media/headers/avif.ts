import { fourCharacters, type ImageHeader } from './header.ts'

const BRANDS = ['avif', 'avis']

/** The brands of an ISO media file's first box; empty for anything else. */
export function mediaBrands(file: DataView): string[] {
  if (fourCharacters(file, 4) !== 'ftyp') return []
  const end = Math.min(file.getUint32(0), file.byteLength, 256)
  const brands = [fourCharacters(file, 8)]
  for (let at = 16; at + 4 <= end; at += 4) brands.push(fourCharacters(file, at))
  return brands
}

/** Whether the file is an AV1 picture or sequence. */
export const isAvif = (file: DataView): boolean => mediaBrands(file).some((brand) => BRANDS.includes(brand))

/**
 * Reads the largest picture extent (ispe) and the bit depth (pixi). A file holds several extents: the picture, its tiles, its alpha.
 * Turning is no EXIF matter in AVIF: decoders must apply the file's own irot and imir. Throws a RangeError where the file ends too early.
 */
export function readAvifHeader(file: DataView): ImageHeader {
  let [width, height, bitDepth] = [0, 0, 8]
  for (const box of boxes(file, 0, file.byteLength, ['meta', 'iprp', 'ipco'])) {
    if (box.type === 'ispe') {
      const [w, h] = [file.getUint32(box.start + 4), file.getUint32(box.start + 8)]
      if (w * h > width * height) [width, height] = [w, h]
    }
    if (box.type === 'pixi') bitDepth = Math.max(bitDepth, file.getUint8(box.start + 5))
  }
  return { format: 'AVIF', width, height, bitDepth, animated: mediaBrands(file).includes('avis') }
}

/** Boxes from `start` on whose contents are wanted: those in `path` are entered, one level a name. */
function* boxes(file: DataView, start: number, end: number, path: readonly string[]): Generator<{ type: string; start: number }> {
  const [enter, ...deeper] = path
  for (let at = start; at + 8 <= end; ) {
    const size = file.getUint32(at)
    const type = fourCharacters(file, at + 4)
    const head = size === 1 ? 16 : 8
    const length = size === 0 ? end - at : size === 1 ? Number(file.getBigUint64(at + 8)) : size
    if (length < head) return
    // meta is a full box: four bytes of version and flags stand before its contents.
    if (type === enter) yield* boxes(file, at + head + (type === 'meta' ? 4 : 0), Math.min(end, at + length), deeper)
    else if (enter === undefined) yield { type, start: at + head }
    at += length
  }
}
