/** What torch takes for the cubic's parameter; Pillow takes −0.5. */
const A = -0.75

/** For every output position of one axis: four source positions, held at the edges, and their weights. */
interface Taps {
  readonly at: Int32Array
  readonly weights: Float64Array
}

/**
 * Resizes float planes as torch's interpolate does in mode bicubic without align_corners and antialias: four taps a side however much is
 * lost between them, results not clamped. data: [planes, height, width]; gives [planes, outHeight, outWidth]. Sizes: pixels, at least 1.
 * Source: PyTorch, upsample_bicubic2d (sums there are in float32, here in float64 and then rounded).
 */
export function torchBicubic(
  data: Float32Array,
  [height, width]: readonly [height: number, width: number],
  [outHeight, outWidth]: readonly [height: number, width: number],
): Float32Array<ArrayBuffer> {
  const planes = data.length / (height * width)
  const rows = tapsOf(height, outHeight)
  const columns = tapsOf(width, outWidth)
  const out = new Float32Array(planes * outHeight * outWidth)
  let to = 0
  for (let plane = 0; plane < planes; plane++) {
    for (let y = 0; y < outHeight; y++) {
      for (let x = 0; x < outWidth; x++) out[to++] = sampleAt(data, plane * height * width, width, rows, y, columns, x)
    }
  }
  return out
}

function sampleAt(data: Float32Array, plane: number, width: number, rows: Taps, y: number, columns: Taps, x: number): number {
  let sum = 0
  for (let j = 4 * y; j < 4 * y + 4; j++) {
    const row = plane + rows.at[j]! * width
    let across = 0
    for (let i = 4 * x; i < 4 * x + 4; i++) across += data[row + columns.at[i]!]! * columns.weights[i]!
    sum += across * rows.weights[j]!
  }
  return sum
}

function tapsOf(size: number, outSize: number): Taps {
  const at = new Int32Array(4 * outSize)
  const weights = new Float64Array(4 * outSize)
  for (let i = 0; i < outSize; i++) {
    const center = ((i + 0.5) * size) / outSize - 0.5
    const left = Math.floor(center)
    for (let tap = 0; tap < 4; tap++) {
      at[4 * i + tap] = Math.min(size - 1, Math.max(0, left - 1 + tap))
      weights[4 * i + tap] = cubic(center - (left - 1 + tap))
    }
  }
  return { at, weights }
}

/** Keys' cubic convolution kernel. */
function cubic(x: number): number {
  const d = Math.abs(x)
  if (d <= 1) return ((A + 2) * d - (A + 3)) * d * d + 1
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * A
  return 0
}
