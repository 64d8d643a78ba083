/** Writes keys and values of new tokens into copies of the pages, unrounded. Inputs as in shaders/kv-write.wgsl. */
export function kvWrite(
  roped: ArrayLike<number>,
  qkv: ArrayLike<number>,
  pages: { k: ArrayLike<number>; v: ArrayLike<number> },
  batch: { tokenSequence: ArrayLike<number>; tokenSlot: ArrayLike<number>; blockTable: ArrayLike<number>; maxBlocks: number },
  shape: { heads: number; kvHeads: number; headDim: number },
): { k: Float64Array; v: Float64Array } {
  const { heads, kvHeads, headDim } = shape
  const k = Float64Array.from(pages.k)
  const v = Float64Array.from(pages.v)
  for (let token = 0; token < batch.tokenSlot.length; token++) {
    const slot = batch.tokenSlot[token] as number
    const block = batch.blockTable[(batch.tokenSequence[token] as number) * batch.maxBlocks + Math.floor(slot / 16)] as number
    for (let head = 0; head < kvHeads; head++) {
      for (let d = 0; d < headDim; d++) {
        const to = ((block * kvHeads + head) * 16 + (slot % 16)) * headDim + d
        k[to] = roped[(token * (heads + kvHeads) + heads + head) * headDim + d] as number
        v[to] = qkv[(token * (heads + 2 * kvHeads) + heads + kvHeads + head) * headDim + d] as number
      }
    }
  }
  return { k, v }
}
