/** Merges split attention. Inputs as in shaders/attention-combine.wgsl; stats are [top, sum] pairs, sum 0 where a split is empty. */
export function attentionCombine(
  partials: ArrayLike<number>,
  stats: ArrayLike<number>,
  shape: { tokens: number; heads: number; splits: number; headDim: number },
): Float64Array {
  const { tokens, heads, splits, headDim } = shape
  const out = new Float64Array(tokens * heads * headDim)
  for (let row = 0; row < tokens * heads; row++) {
    const used = Array.from({ length: splits }, (_, split) => row * splits + split).filter((at) => (stats[2 * at + 1] as number) > 0)
    const top = Math.max(...used.map((at) => stats[2 * at] as number))
    const shares = used.map((at) => (stats[2 * at + 1] as number) * Math.exp((stats[2 * at] as number) - top))
    const sum = shares.reduce((a, b) => a + b, 0)
    for (let d = 0; d < headDim; d++) {
      let total = 0
      used.forEach((at, i) => {
        total += (shares[i] as number) * (partials[at * headDim + d] as number)
      })
      out[row * headDim + d] = total / sum
    }
  }
  return out
}
