/** Attention in both directions within segments. Inputs as in shaders/vision-attention.wgsl. */
export function visionAttention(
  roped: ArrayLike<number>,
  qkv: ArrayLike<number>,
  shape: { rows: number; heads: number; headDim: number; segment: number },
): Float64Array {
  const { rows, heads, headDim, segment } = shape
  const out = new Float64Array(rows * heads * headDim)
  for (let row = 0; row < rows; row++) {
    const start = Math.floor(row / segment) * segment
    for (let head = 0; head < heads; head++) {
      const weights: number[] = []
      for (let key = start; key < start + segment; key++) {
        let score = 0
        for (let d = 0; d < headDim; d++) {
          score +=
            (roped[(row * 2 * heads + head) * headDim + d] as number) * (roped[(key * 2 * heads + heads + head) * headDim + d] as number)
        }
        weights.push(Math.exp(score / Math.sqrt(headDim)))
      }
      const sum = weights.reduce((a, b) => a + b, 0)
      weights.forEach((weight, i) => {
        const value = ((start + i) * 3 * heads + 2 * heads + head) * headDim
        for (let d = 0; d < headDim; d++) {
          const to = (row * heads + head) * headDim + d
          out[to] = (out[to] as number) + (weight / sum) * (qkv[value + d] as number)
        }
      })
    }
  }
  return out
}
