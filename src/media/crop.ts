import type { RgbImage } from './rgb-image.ts'

/** Part of a picture, in pixels from its upper left corner. */
export interface CropBox {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** Copies a part of a picture. Errors: RangeError if the box is not inside it. */
export function cropRgb(image: RgbImage, { left, top, width, height }: CropBox): RgbImage {
  if (left < 0 || top < 0 || left + width > image.width || top + height > image.height) {
    throw new RangeError(`The box ${width}×${height} at ${left}, ${top} is not inside a picture of ${image.width}×${image.height}.`)
  }
  const data = new Uint8ClampedArray(width * height * 3)
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * 3
    data.set(image.data.subarray(from, from + width * 3), y * width * 3)
  }
  return { width, height, data }
}
