/** out[t, i] = x[t, i] · weight[i] / √(mean_i x[t, i]² + epsilon). */
export function rmsNormReference(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  rows: number,
  width: number,
  epsilon: number,
): Float64Array {
  const out = new Float64Array(rows * width)
  for (let t = 0; t < rows; t++) {
    let squares = 0
    for (let i = 0; i < width; i++) squares += x[t * width + i]! ** 2
    const root = Math.sqrt(squares / width + epsilon)
    for (let i = 0; i < width; i++) out[t * width + i] = (x[t * width + i]! / root) * weight[i]!
  }
  return out
}
