/** out[i] = x[index[i]]. */
export function selectRowsReference(x: ArrayLike<number>, index: ArrayLike<number>, cols: number): Float64Array {
  const out = new Float64Array(index.length * cols)
  for (let t = 0; t < index.length; t++) {
    for (let i = 0; i < cols; i++) out[t * cols + i] = x[index[t]! * cols + i]!
  }
  return out
}
