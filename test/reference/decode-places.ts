/** What a decode step's tokens need: block, slot in it, then cosines and sines of their angles. Inputs as in shaders/decode-places.wgsl. */
export function decodePlaces(
  batch: { tokenSequence: ArrayLike<number>; tokenSlot: ArrayLike<number>; blockTable: ArrayLike<number>; maxBlocks: number },
  positions: ArrayLike<number>,
  angles: { cos: ArrayLike<number>; sin: ArrayLike<number>; sections: readonly number[] },
): { block: number; slot: number; cos: number[]; sin: number[] }[] {
  const tokens = batch.tokenSlot.length
  const { cos, sin, sections } = angles
  const streams = sections.flatMap((count, stream) => Array.from({ length: count }, () => stream))
  return Array.from(batch.tokenSlot, (place, token) => {
    const at = streams.map((stream, j) => positions[stream * tokens + token]! * streams.length + j)
    return {
      block: batch.blockTable[batch.tokenSequence[token]! * batch.maxBlocks + Math.floor(place / 16)]!,
      slot: place % 16,
      cos: at.map((i) => cos[i]!),
      sin: at.map((i) => sin[i]!),
    }
  })
}
