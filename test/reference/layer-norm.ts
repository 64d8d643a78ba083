/** out[t, i] = (x[t, i] − mean_t) / √(variance_t + epsilon) · weight[i] + bias[i]. */
export function layerNormReference(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
  rows: number,
  width: number,
  epsilon: number,
): Float64Array {
  const out = new Float64Array(rows * width)
  for (let t = 0; t < rows; t++) {
    let sum = 0
    for (let i = 0; i < width; i++) sum += x[t * width + i]!
    const mean = sum / width
    let squares = 0
    for (let i = 0; i < width; i++) squares += (x[t * width + i]! - mean) ** 2
    const root = Math.sqrt(squares / width + epsilon)
    for (let i = 0; i < width; i++) out[t * width + i] = ((x[t * width + i]! - mean) / root) * weight[i]! + bias[i]!
  }
  return out
}
