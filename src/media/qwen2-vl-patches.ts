import { mediaError } from '../util/errors.ts'
import { roundHalfEven } from '../util/round-half-even.ts'
import { normalisedLevels } from './pixel-levels.ts'
import type { RgbImage } from './rgb-image.ts'

/** factor: both sides become its multiples (patch size × merge size, 28). minPixels, maxPixels: bounds of width × height. */
export interface SmartResizeOptions {
  readonly factor: number
  readonly minPixels: number
  readonly maxPixels: number
}

/** The geometry and normalisation of Qwen2-VL's patches: 14, 2, 2 and CLIP's mean and standard deviation in the released models. */
export interface PatchOptions {
  /** Side of a patch in pixels. */
  readonly patchSize: number
  /** Side, in patches, of a block that becomes one token. */
  readonly mergeSize: number
  /** Frames in a patch. */
  readonly temporalPatchSize: number
  /** Per channel, of values from 0 to 1. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** Patches in time, down and across. */
export type PatchGrid = readonly [t: number, h: number, w: number]

const MAX_ASPECT_RATIO = 200

/**
 * The size Qwen2-VL resizes a picture to: sides that are multiples of `factor`, near the given ones, with width × height within the bounds.
 * height, width: pixels. Errors: MediaError for an aspect ratio over 200. Source: smart_resize in transformers
 * (qwen_vl_utils rounds a side of less than half a factor up before it looks at the bounds, and differs for pictures so thin).
 */
export function smartResize(
  height: number,
  width: number,
  { factor, minPixels, maxPixels }: SmartResizeOptions,
): { height: number; width: number } {
  if (!(height > 0 && width > 0)) throw mediaError(`The picture is ${width}×${height} pixels; both sides must be above 0.`)
  if (Math.max(height, width) / Math.min(height, width) > MAX_ASPECT_RATIO) {
    throw mediaError(
      `The picture is ${width}×${height} pixels, an aspect ratio above ${MAX_ASPECT_RATIO}; crop it or cut it into pieces that are less thin.`,
    )
  }
  // 0 for a side of at most half a factor; the picture is then below any minimum, and grows.
  const nearest = (side: number) => roundHalfEven(side / factor) * factor
  const pixels = nearest(height) * nearest(width)
  if (pixels > maxPixels) {
    const shrink = Math.sqrt((height * width) / maxPixels)
    const below = (side: number) => Math.max(factor, Math.floor(side / shrink / factor) * factor)
    return { height: below(height), width: below(width) }
  }
  if (pixels < Math.max(1, minPixels)) {
    const grow = Math.sqrt(Math.max(1, minPixels) / (height * width))
    const above = (side: number) => Math.ceil((side * grow) / factor) * factor
    return { height: above(height), width: above(width) }
  }
  return { height: nearest(height), width: nearest(width) }
}

/**
 * Cuts frames into normalised patches, one row a patch: data [t·h·w, 3·temporalPatchSize·patchSize²] with columns in the order channel,
 * frame, y, x. Rows come block by block: time, block row, block column, then row and column inside a block. The last frame is repeated
 * to fill a temporal patch. frames: equal sizes, multiples of patchSize·mergeSize. Errors: MediaError for none or unequal frames.
 * Source: transformers, Qwen2VLImageProcessor.
 */
export function patchify(frames: readonly RgbImage[], options: PatchOptions): { data: Float32Array<ArrayBuffer>; grid: PatchGrid } {
  const { patchSize, mergeSize, temporalPatchSize } = options
  const { width, height } = checkFrames(frames, patchSize * mergeSize)
  const grid = [Math.ceil(frames.length / temporalPatchSize), height / patchSize, width / patchSize] as const
  const columns = 3 * temporalPatchSize * patchSize ** 2
  const data = new Float32Array(grid[0] * grid[1] * grid[2] * columns)
  const positions = patchPositions(grid, mergeSize)
  const levels = [0, 1, 2].map((channel) => normalisedLevels(options.mean[channel]!, options.std[channel]!))
  const perFrame = grid[1] * grid[2]
  for (let row = 0; row < grid[0] * perFrame; row++) {
    const corner = (positions[2 * row]! * width + positions[2 * row + 1]!) * patchSize * 3
    const firstFrame = Math.floor(row / perFrame) * temporalPatchSize
    let to = row * columns
    for (let channel = 0; channel < 3; channel++) {
      const level = levels[channel]!
      for (let slot = 0; slot < temporalPatchSize; slot++) {
        const pixels = frames[Math.min(firstFrame + slot, frames.length - 1)]!.data
        for (let y = 0; y < patchSize; y++) {
          let from = corner + y * width * 3 + channel
          for (let x = 0; x < patchSize; x++, from += 3) data[to++] = level[pixels[from]!]!
        }
      }
    }
  }
  return { data, grid }
}

/**
 * Row and column of every patch in its frame, in the order of patchify's rows: [t·h·w, 2]. The vision tower's rotary angles follow these;
 * every time step repeats the first.
 */
export function patchPositions([t, h, w]: PatchGrid, mergeSize: number): Int32Array<ArrayBuffer> {
  const positions = new Int32Array(t * h * w * 2)
  let at = 0
  for (let top = 0; top < h; top += mergeSize) {
    for (let left = 0; left < w; left += mergeSize) {
      for (let inside = 0; inside < mergeSize ** 2; inside++) {
        positions[at++] = top + Math.floor(inside / mergeSize)
        positions[at++] = left + (inside % mergeSize)
      }
    }
  }
  for (let time = 1; time < t; time++) positions.copyWithin(time * h * w * 2, 0, h * w * 2)
  return positions
}

function checkFrames(frames: readonly RgbImage[], unit: number): { width: number; height: number } {
  const [first] = frames
  if (!first) throw mediaError('The clip has no frames; give at least one.')
  const { width, height } = first
  if (width % unit !== 0 || height % unit !== 0) throw new RangeError(`${width}×${height} is not a multiple of ${unit} on both sides.`)
  const odd = frames.find((frame) => frame.width !== width || frame.height !== height)
  if (odd) throw mediaError(`Frames of one clip must have one size; found ${width}×${height} and ${odd.width}×${odd.height}.`)
  return { width, height }
}
