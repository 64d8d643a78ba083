import type { RgbImage } from './rgb-image.ts'

export type ResizeFilter = 'bicubic' | 'bilinear'

/** For every output position of one axis: where its window starts, how long it is, and its weights in 22-bit fixed point. */
interface AxisTable {
  readonly starts: Int32Array
  readonly lengths: Int32Array
  /** [out, taps], zero beyond a window's length. */
  readonly weights: Int32Array
  readonly taps: number
}

// 32 bits less 8 for the pixel and 2 for the overshoot of negative lobes.
const PRECISION = 22
const HALF = 1 << (PRECISION - 1)

const filters: Record<ResizeFilter, { support: number; weight: (x: number) => number }> = {
  bicubic: { support: 2, weight: bicubic },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
}

/**
 * Resizes as Pillow's Image.resize does on 8-bit RGB, bit for bit: windows that widen when shrinking (antialiasing), fixed-point weights,
 * rows first, rounded to bytes, then columns. width, height: pixels, at least 1. Gives the same picture object if nothing changes.
 * Source: Pillow's Resample.c up to version 12; 13 does columns first where that is less work, and then rounds otherwise.
 */
export function resizeRgb(image: RgbImage, width: number, height: number, filter: ResizeFilter): RgbImage {
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0)) {
    throw new RangeError(`Cannot resize to ${width}×${height}; both sides must be whole numbers above 0.`)
  }
  let result = image
  if (width !== image.width) result = resizeRows(result, width, axisTable(filter, image.width, width))
  if (height !== image.height) result = resizeColumns(result, height, axisTable(filter, image.height, height))
  return result
}

function bicubic(x: number): number {
  const a = -0.5
  const d = Math.abs(x)
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * a
  return 0
}

function resizeRows({ data, width, height }: RgbImage, outWidth: number, table: AxisTable): RgbImage {
  const { starts, lengths, weights, taps } = table
  // Storing into clamped bytes is Pillow's clip8.
  const out = new Uint8ClampedArray(outWidth * height * 3)
  let to = 0
  for (let y = 0; y < height; y++) {
    const row = y * width * 3
    for (let x = 0; x < outWidth; x++) {
      let from = row + starts[x]! * 3
      let red = HALF
      let green = HALF
      let blue = HALF
      const end = x * taps + lengths[x]!
      for (let k = x * taps; k < end; k++, from += 3) {
        const weight = weights[k]!
        red = (red + Math.imul(data[from]!, weight)) | 0
        green = (green + Math.imul(data[from + 1]!, weight)) | 0
        blue = (blue + Math.imul(data[from + 2]!, weight)) | 0
      }
      out[to++] = red >> PRECISION
      out[to++] = green >> PRECISION
      out[to++] = blue >> PRECISION
    }
  }
  return { width: outWidth, height, data: out }
}

function resizeColumns({ data, width }: RgbImage, outHeight: number, table: AxisTable): RgbImage {
  const { starts, lengths, weights, taps } = table
  const stride = width * 3
  const out = new Uint8ClampedArray(stride * outHeight)
  // A row of sums at a time: memory is read in order, which a walk down each column would not do.
  const sums = new Int32Array(stride)
  for (let y = 0; y < outHeight; y++) {
    sums.fill(HALF)
    for (let k = 0; k < lengths[y]!; k++) {
      const weight = weights[y * taps + k]!
      const from = (starts[y]! + k) * stride
      for (let i = 0; i < stride; i++) sums[i] = sums[i]! + Math.imul(data[from + i]!, weight)
    }
    const to = y * stride
    for (let i = 0; i < stride; i++) out[to + i] = sums[i]! >> PRECISION
  }
  return { width, height: outHeight, data: out }
}

// Frames of a clip and pictures of one camera share their sizes.
const tables = new Map<string, AxisTable>()
const MAX_TABLES = 16
const MAX_CACHED_WEIGHTS = 1 << 18

function axisTable(filter: ResizeFilter, inSize: number, outSize: number): AxisTable {
  const key = `${filter} ${inSize} ${outSize}`
  const known = tables.get(key)
  if (known) return known
  const table = makeAxisTable(filter, inSize, outSize)
  if (table.weights.length <= MAX_CACHED_WEIGHTS) {
    if (tables.size >= MAX_TABLES) tables.delete(tables.keys().next().value!)
    tables.set(key, table)
  }
  return table
}

function makeAxisTable(filter: ResizeFilter, inSize: number, outSize: number): AxisTable {
  const { support: reach, weight } = filters[filter]
  const scale = inSize / outSize
  const stretch = Math.max(scale, 1)
  const support = reach * stretch
  const taps = Math.ceil(support) * 2 + 1
  const starts = new Int32Array(outSize)
  const lengths = new Int32Array(outSize)
  const weights = new Int32Array(outSize * taps)
  const window = new Float64Array(taps)
  // Pillow multiplies by the reciprocal; a division differs in the last bit.
  const shrink = 1 / stretch
  for (let x = 0; x < outSize; x++) {
    const centre = (x + 0.5) * scale
    const start = Math.max(0, Math.trunc(centre - support + 0.5))
    const length = Math.min(inSize, Math.trunc(centre + support + 0.5)) - start
    let sum = 0
    for (let i = 0; i < length; i++) {
      window[i] = weight((i + start - centre + 0.5) * shrink)
      sum += window[i]!
    }
    starts[x] = start
    lengths[x] = length
    for (let i = 0; i < length; i++) weights[x * taps + i] = fixedPoint(sum === 0 ? window[i]! : window[i]! / sum)
  }
  return { starts, lengths, weights, taps }
}

const fixedPoint = (weight: number): number => Math.trunc(weight * (1 << PRECISION) + (weight < 0 ? -0.5 : 0.5))
