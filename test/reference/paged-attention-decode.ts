/**
 * What each split of a sequence's slots finds: attention over its own slots, the largest score, and the sum of exp(score − largest).
 * Splits are even runs of 32 slots. Inputs as in shaders/paged-attention-decode.wgsl. A split without slots has top −∞ and sum 0.
 */
export function pagedAttentionDecode(
  roped: ArrayLike<number>,
  pages: { k: ArrayLike<number>; v: ArrayLike<number> },
  batch: { tokenSequence: ArrayLike<number>; tokenSlot: ArrayLike<number>; blockTable: ArrayLike<number>; maxBlocks: number },
  shape: { heads: number; kvHeads: number; headDim: number; splits: number },
): { partials: Float64Array; tops: number[]; sums: number[] } {
  const { heads, kvHeads, headDim, splits } = shape
  const partials = new Float64Array(batch.tokenSlot.length * heads * splits * headDim)
  const tops: number[] = []
  const sums: number[] = []
  for (let token = 0; token < batch.tokenSlot.length; token++) {
    const slots = (batch.tokenSlot[token] as number) + 1
    const run = 32 * Math.ceil(slots / 32 / splits)
    for (let head = 0; head < heads; head++) {
      const kvHead = Math.floor(head / (heads / kvHeads))
      for (let split = 0; split < splits; split++) {
        const scores: number[] = []
        const places: number[] = []
        for (let slot = split * run; slot < Math.min((split + 1) * run, slots); slot++) {
          const block = batch.blockTable[(batch.tokenSequence[token] as number) * batch.maxBlocks + Math.floor(slot / 16)] as number
          const place = ((block * kvHeads + kvHead) * 16 + (slot % 16)) * headDim
          let dot = 0
          for (let d = 0; d < headDim; d++) {
            dot += (roped[(token * (heads + kvHeads) + head) * headDim + d] as number) * (pages.k[place + d] as number)
          }
          scores.push(dot / Math.sqrt(headDim))
          places.push(place)
        }
        const top = Math.max(...scores)
        const sum = scores.reduce((total, score) => total + Math.exp(score - top), 0)
        tops.push(top)
        sums.push(sum)
        const to = ((token * heads + head) * splits + split) * headDim
        scores.forEach((score, i) => {
          const weight = Math.exp(score - top) / sum
          for (let d = 0; d < headDim; d++) {
            partials[to + d] = (partials[to + d] as number) + weight * (pages.v[(places[i] as number) + d] as number)
          }
        })
      }
    }
  }
  return { partials, tops, sums }
}
