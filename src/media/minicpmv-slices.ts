import { roundHalfEven } from '../util/round-half-even.ts'
import { cropRgb } from './crop.ts'
import { resizeRgb } from './pillow-resize.ts'
import type { RgbImage } from './rgb-image.ts'

/** How pictures are cut: 448, 9 and 14 in MiniCPM-V 2.6. */
export interface SliceOptions {
  /** Side of the square whose area an overview and a slice come near to, in pixels. */
  readonly resolution: number
  /** Slices at most; 1: overviews only. */
  readonly maxSlices: number
  /** Sides become its multiples. */
  readonly patchSize: number
}

/** Width and height in pixels. */
export type Size = readonly [width: number, height: number]

/** What becomes of a picture of some size. */
export interface SlicePlan {
  readonly overview: Size
  /** Columns and rows of slices, and the size of each; undefined: the overview is all. */
  readonly slices: { readonly grid: readonly [cols: number, rows: number]; readonly size: Size } | undefined
}

/** A picture made smaller, and its parts in more detail, row by row: all of one size. */
export interface SlicedPicture {
  readonly overview: RgbImage
  readonly grid: readonly [cols: number, rows: number] | undefined
  readonly slices: readonly RgbImage[]
}

const divided = (length: number, by: number): number => Math.max(roundHalfEven(length / by) * by, by)

/** The size that keeps the proportions and has resolution² pixels; one that is smaller stays unless it may grow. */
function fitSize(width: number, height: number, grow: boolean, { resolution, patchSize }: SliceOptions): Size {
  let [w, h] = [width, height]
  if (w * h > resolution ** 2 || grow) {
    const ratio = w / h
    h = Math.trunc(resolution / Math.sqrt(ratio))
    w = Math.trunc(h * ratio)
  }
  return [divided(w, patchSize), divided(h, patchSize)]
}

/** Columns and rows whose proportions come nearest to the picture's, with as many slices as its area asks for, one more or one less. */
function chooseGrid(width: number, height: number, { resolution, maxSlices }: SliceOptions): readonly [number, number] | undefined {
  const wanted = Math.min(Math.ceil((width * height) / resolution ** 2), maxSlices)
  if (wanted <= 1) return undefined
  let best: readonly [number, number] = [1, 1]
  let error = Number.POSITIVE_INFINITY
  for (const count of [wanted - 1, wanted, wanted + 1]) {
    if (count === 1 || count > maxSlices) continue
    for (let cols = 1; cols <= count; cols++) {
      if (count % cols !== 0) continue
      const distance = Math.abs(Math.log(width / height) - Math.log(cols / (count / cols)))
      if (distance >= error) continue
      best = [cols, count / cols]
      error = distance
    }
  }
  return best
}

/** How a picture of this size is cut. Source: MiniCPM-V's adaptive slicing, arXiv:2403.11703. */
export function planSlices(width: number, height: number, options: SliceOptions): SlicePlan {
  const grid = chooseGrid(width, height, options)
  if (!grid) return { overview: fitSize(width, height, true, options), slices: undefined }
  const [cols, rows] = grid
  const size = fitSize(divided(width, cols) / cols, divided(height, rows) / rows, true, options)
  return { overview: fitSize(width, height, false, options), slices: { grid, size } }
}

/** Cuts a picture by its plan, resizing as Pillow's bicubic does. */
export function slicePicture(image: RgbImage, { overview, slices }: SlicePlan): SlicedPicture {
  const small = resizeRgb(image, ...overview, 'bicubic')
  if (!slices) return { overview: small, grid: undefined, slices: [] }
  const [cols, rows] = slices.grid
  const [width, height] = slices.size
  const large = resizeRgb(image, width * cols, height * rows, 'bicubic')
  const parts = Array.from({ length: cols * rows }, (_, i) =>
    cropRgb(large, { left: (i % cols) * width, top: Math.floor(i / cols) * height, width, height }),
  )
  return { overview: small, grid: slices.grid, slices: parts }
}
