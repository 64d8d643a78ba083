/** Causal attention with grouped heads over pages: gather the sequence, softmax, sum. Inputs as in shaders/paged-attention.wgsl. */
export function pagedAttention(
  roped: ArrayLike<number>,
  pages: { k: ArrayLike<number>; v: ArrayLike<number> },
  batch: { tokenSequence: ArrayLike<number>; tokenSlot: ArrayLike<number>; blockTable: ArrayLike<number>; maxBlocks: number },
  shape: { heads: number; kvHeads: number; headDim: number },
): Float64Array {
  const { heads, kvHeads, headDim } = shape
  const out = new Float64Array(batch.tokenSlot.length * heads * headDim)
  for (let token = 0; token < batch.tokenSlot.length; token++) {
    for (let head = 0; head < heads; head++) {
      const query = (token * (heads + kvHeads) + head) * headDim
      const kvHead = Math.floor(head / (heads / kvHeads))
      const weights: number[] = []
      const places: number[] = []
      for (let slot = 0; slot <= (batch.tokenSlot[token] as number); slot++) {
        const block = batch.blockTable[(batch.tokenSequence[token] as number) * batch.maxBlocks + Math.floor(slot / 16)] as number
        const place = ((block * kvHeads + kvHead) * 16 + (slot % 16)) * headDim
        let score = 0
        for (let d = 0; d < headDim; d++) score += (roped[query + d] as number) * (pages.k[place + d] as number)
        weights.push(Math.exp(score / Math.sqrt(headDim)))
        places.push(place)
      }
      const sum = weights.reduce((a, b) => a + b, 0)
      weights.forEach((weight, slot) => {
        const place = places[slot] as number
        for (let d = 0; d < headDim; d++) {
          const to = (token * heads + head) * headDim + d
          out[to] = (out[to] as number) + (weight / sum) * (pages.v[place + d] as number)
        }
      })
    }
  }
  return out
}
