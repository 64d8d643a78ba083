import { mediaError } from '../util/errors.ts'
import { orientImage } from './orient.ts'
import { resizeRgb } from './pillow-resize.ts'
import { normalisedLevels, type PixelStatistics } from './pixel-levels.ts'
import type { RgbImage } from './rgb-image.ts'
import { torchBicubic } from './torch-bicubic.ts'

/** side: of a crop, in pixels. crops: as many as a picture may be cut into, at least 1. */
export interface HdLimits {
  readonly side: number
  readonly crops: number
}

/** A picture's plan: its size before padding, and crops down and across after it. */
export interface HdPlan {
  /** The picture is taller than wide, and is turned on its side while it is scaled and padded. */
  readonly portrait: boolean
  /** Size of the scaled picture, lying on its side if it is a portrait. */
  readonly scaled: { readonly width: number; readonly height: number }
  /** Crops down and across, upright. */
  readonly grid: readonly [rows: number, cols: number]
}

/** EXIF's number for x and y exchanged. */
const TRANSPOSED = 5

/** The white around a picture. */
const PADDING = 255

/**
 * How a picture is scaled and cut: as wide as the number of crops allows, padded to whole crops in height; a portrait likewise on its
 * side. width, height: pixels. Errors: MediaError for a picture so thin that nothing of it would be left.
 * Source: Phi-3.5-vision's image processor (HD transform).
 */
export function planHd(width: number, height: number, { side, crops }: HdLimits): HdPlan {
  const portrait = width < height
  const ratio = portrait ? height / width : width / height
  let scale = 1
  while ((scale + 1) * Math.ceil((scale + 1) / ratio) <= crops) scale++
  const scaled = { width: scale * side, height: Math.trunc((scale * side) / ratio) }
  if (scaled.height < 1) {
    throw mediaError(
      `The picture is ${width}×${height} pixels and would be scaled to ${scaled.width} by less than one; crop it or cut it into pieces that are less thin.`,
    )
  }
  const down = Math.ceil(scaled.height / side)
  return { portrait, scaled, grid: portrait ? [scale, down] : [down, scale] }
}

/** Scales a picture as planned (Pillow's bilinear) and pads it with white to whole crops, the picture in the middle. */
export function frameHd(image: RgbImage, { portrait, scaled, grid }: HdPlan, side: number): RgbImage {
  const lying = resizeRgb(portrait ? orientImage(image, TRANSPOSED) : image, scaled.width, scaled.height, 'bilinear')
  const full = grid[portrait ? 1 : 0] * side
  const data = new Uint8ClampedArray(scaled.width * full * 3).fill(PADDING)
  data.set(lying.data, Math.floor((full - scaled.height) / 2) * scaled.width * 3)
  const padded = { width: scaled.width, height: full, data }
  return portrait ? orientImage(padded, TRANSPOSED) : padded
}

/**
 * The pixels of a framed picture for an encoder of `side`-pixel squares: [1 + crops, 3, side, side], first the whole picture (scaled by
 * torch's bicubic after normalising), then the crops row by row.
 */
export function hdPixels(frame: RgbImage, side: number, { mean, std }: PixelStatistics): Float32Array<ArrayBuffer> {
  const { width, height } = frame
  const planes = normalisedPlanes(frame, { mean, std })
  const [rows, cols] = [height / side, width / side]
  const square = 3 * side * side
  const pixels = new Float32Array((1 + rows * cols) * square)
  pixels.set(torchBicubic(planes, [height, width], [side, side]))
  for (let crop = 0; crop < rows * cols; crop++) {
    const corner = Math.floor(crop / cols) * side * width + (crop % cols) * side
    for (let line = 0; line < 3 * side; line++) {
      const from = Math.floor(line / side) * width * height + corner + (line % side) * width
      pixels.set(planes.subarray(from, from + side), (1 + crop) * square + line * side)
    }
  }
  return pixels
}

/** [squares, 3, side, side] → [squares · (side / patch)², 3 · patch²]: a square's patches row by row, columns by channel, y, x. */
export function cutPatches(pixels: Float32Array, side: number, patch: number): Float32Array<ArrayBuffer> {
  const across = side / patch
  const squares = pixels.length / (3 * side * side)
  const out = new Float32Array(pixels.length)
  let to = 0
  for (let row = 0; row < squares * across ** 2; row++) {
    const square = Math.floor(row / across ** 2) * 3 * side * side
    const corner = square + (Math.floor(row / across) % across) * patch * side + (row % across) * patch
    for (let line = 0; line < 3 * patch; line++, to += patch) {
      const from = corner + Math.floor(line / patch) * side * side + (line % patch) * side
      out.set(pixels.subarray(from, from + patch), to)
    }
  }
  return out
}

/** [3, height, width] */
function normalisedPlanes({ data, width, height }: RgbImage, { mean, std }: PixelStatistics): Float32Array<ArrayBuffer> {
  const size = width * height
  const planes = new Float32Array(3 * size)
  for (let channel = 0; channel < 3; channel++) {
    const levels = normalisedLevels(mean[channel]!, std[channel]!)
    for (let i = 0; i < size; i++) planes[channel * size + i] = levels[data[3 * i + channel]!]!
  }
  return planes
}
