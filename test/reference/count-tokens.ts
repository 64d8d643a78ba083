/** counts[slot, token] + 1 for every row's token; slot 0 and tokens outside the vocabulary are passed over. */
export function countTokens(
  counts: ArrayLike<number>,
  sampled: ArrayLike<number>,
  slots: ArrayLike<number>,
  vocabulary: number,
): Uint32Array {
  const result = Uint32Array.from(counts)
  for (let row = 0; row < sampled.length; row++) {
    const slot = slots[row] ?? 0
    const token = sampled[row] ?? 0
    if (slot === 0 || token >= vocabulary) continue
    const at = slot * vocabulary + token
    result[at] = (result[at] ?? 0) + 1
  }
  return result
}
