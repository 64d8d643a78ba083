import type { RgbImage } from './rgb-image.ts'

/**
 * Turns a picture as EXIF's orientation says: 1 leaves it, 2 mirrors, 3 turns by 180°, 4 flips, 5 transposes, 6 turns 90° clockwise,
 * 7 transposes along the other diagonal, 8 turns 90° anticlockwise. Gives the same object for 1.
 */
export function orientImage(image: RgbImage, orientation: number): RgbImage {
  if (orientation === 1) return image
  const { width, height, data } = image
  const [swap, fromRight, fromBottom] = turns[orientation] ?? [false, false, false]
  const [outWidth, outHeight] = swap ? [height, width] : [width, height]
  // One step right, one step down in the result, as steps in the source.
  const stepX = (fromRight ? -1 : 1) * 3
  const stepY = (fromBottom ? -1 : 1) * width * 3
  const [right, down] = swap ? [stepY, stepX] : [stepX, stepY]
  const origin = (fromRight ? (width - 1) * 3 : 0) + (fromBottom ? (height - 1) * width * 3 : 0)
  const out = new Uint8ClampedArray(data.length)
  let to = 0
  for (let y = 0; y < outHeight; y++) {
    let from = origin + y * down
    for (let x = 0; x < outWidth; x++, from += right) {
      out[to++] = data[from]!
      out[to++] = data[from + 1]!
      out[to++] = data[from + 2]!
    }
  }
  return { width: outWidth, height: outHeight, data: out }
}

/** Per orientation: whether the axes swap, and whether the source is read from its right and from its bottom. */
const turns: Readonly<Record<number, readonly [swap: boolean, fromRight: boolean, fromBottom: boolean]>> = {
  2: [false, true, false],
  3: [false, true, true],
  4: [false, false, true],
  5: [true, false, false],
  6: [true, false, true],
  7: [true, true, true],
  8: [true, true, false],
}

/** EXIF's orientation for a turn clockwise by 0, 90, 180 or 270 degrees followed by a mirroring left to right. */
export function orientationOf(rotation: number, flip: boolean): number {
  const plain = [1, 6, 3, 8]
  const mirrored = [2, 5, 4, 7]
  return (flip ? mirrored : plain)[Math.round(rotation / 90) % 4] ?? 1
}
