/** Attention of the same queries to each segment of keys. Inputs as in shaders/cross-attention.wgsl. */
export function crossAttention(
  query: ArrayLike<number>,
  keys: ArrayLike<number>,
  values: ArrayLike<number>,
  shape: { queries: number; segments: number; segment: number; heads: number; headDim: number },
): Float64Array {
  const { queries, segments, segment, heads, headDim } = shape
  const out = new Float64Array(segments * queries * heads * headDim)
  for (let part = 0; part < segments; part++) {
    for (let row = 0; row < queries; row++) {
      for (let head = 0; head < heads; head++) {
        const weights: number[] = []
        for (let key = 0; key < segment; key++) {
          let score = 0
          for (let d = 0; d < headDim; d++) {
            const at = ((part * segment + key) * heads + head) * headDim + d
            score += (query[(row * heads + head) * headDim + d] as number) * (keys[at] as number)
          }
          weights.push(Math.exp(score / Math.sqrt(headDim)))
        }
        const sum = weights.reduce((a, b) => a + b, 0)
        weights.forEach((weight, key) => {
          for (let d = 0; d < headDim; d++) {
            const to = ((part * queries + row) * heads + head) * headDim + d
            const from = ((part * segment + key) * heads + head) * headDim + d
            out[to] = (out[to] as number) + (weight / sum) * (values[from] as number)
          }
        })
      }
    }
  }
  return out
}
