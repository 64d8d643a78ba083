import type { RowWindows } from '../../src/kernels/unfold-rows.ts'

/** out[t, j · width + c], or out[t, c · window + j] channel first, is x[t · stride + j − padding, c], 0 outside of x. */
export function unfoldRowsReference(x: ArrayLike<number>, rows: number, width: number, windows: RowWindows): Float64Array {
  const { window, stride, padding, count, channelFirst = false } = windows
  const out = new Float64Array(count * width * window)
  for (let t = 0; t < count; t++) {
    for (let j = 0; j < window; j++) {
      for (let c = 0; c < width; c++) {
        const at = t * stride + j - padding
        const column = channelFirst ? c * window + j : j * width + c
        out[t * width * window + column] = at >= 0 && at < rows ? (x[at * width + c] ?? Number.NaN) : 0
      }
    }
  }
  return out
}
