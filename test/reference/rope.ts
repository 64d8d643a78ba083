/** Rotary positions as the formula says it. Inputs as in shaders/rope.wgsl; rowOf gives the table row of row t and frequency j. */
export function rope(
  x: ArrayLike<number>,
  shape: { rows: number; width: number; heads: number; headDim: number },
  cos: ArrayLike<number>,
  sin: ArrayLike<number>,
  rowOf: (t: number, j: number) => number,
): Float64Array {
  const { rows, width, heads, headDim } = shape
  const half = headDim / 2
  const out = new Float64Array(rows * heads * headDim)
  for (let t = 0; t < rows; t++) {
    for (let head = 0; head < heads; head++) {
      for (let j = 0; j < half; j++) {
        const c = cos[rowOf(t, j) * half + j] as number
        const s = sin[rowOf(t, j) * half + j] as number
        const a = x[t * width + head * headDim + j] as number
        const b = x[t * width + head * headDim + j + half] as number
        out[(t * heads + head) * headDim + j] = a * c - b * s
        out[(t * heads + head) * headDim + j + half] = b * c + a * s
      }
    }
  }
  return out
}
