import { mediaError } from '../util/errors.ts'
import { cropRgb } from './crop.ts'
import { type ResizeFilter, resizeRgb } from './pillow-resize.ts'
import type { RgbImage } from './rgb-image.ts'

/** Pixels of a resized picture, at most: 64 million take 192 MB. */
const MAX_PIXELS = 2 ** 26

/**
 * Resizes a picture until its short side has `shortSide` pixels, the long one in proportion and rounded down, and cuts the middle
 * `side` × `side` out; an odd pixel stays at the right and below. side: at most shortSide. Errors: MediaError for a picture so thin that
 * it would not fit into memory. Source: transformers, CLIPImageProcessor.
 */
export function resizeAndCrop(image: RgbImage, options: { shortSide: number; side: number; filter: ResizeFilter }): RgbImage {
  const { shortSide, side, filter } = options
  const { width, height } = image
  const long = Math.trunc((shortSide * Math.max(width, height)) / Math.min(width, height))
  if (!(long * shortSide <= MAX_PIXELS)) {
    throw mediaError(`The picture is ${width}×${height} pixels, which is too thin for this model; crop it or cut it into pieces.`)
  }
  const resized = width <= height ? resizeRgb(image, shortSide, long, filter) : resizeRgb(image, long, shortSide, filter)
  const [left, top] = [resized.width, resized.height].map((length) => Math.floor((length - side) / 2)) as [number, number]
  return cropRgb(resized, { left, top, width: side, height: side })
}
