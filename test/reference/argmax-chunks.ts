/** Per row and chunk of columns: the largest value and the lowest index that has it. logits: [rows, vocabulary]. */
export function argmaxChunks(
  logits: ArrayLike<number>,
  rows: number,
  vocabulary: number,
  chunk: number,
): { values: number[]; indices: number[] } {
  const values: number[] = []
  const indices: number[] = []
  for (let row = 0; row < rows; row++) {
    for (let begin = 0; begin < vocabulary; begin += chunk) {
      let best = begin
      for (let i = begin; i < Math.min(begin + chunk, vocabulary); i++) {
        if ((logits[row * vocabulary + i] ?? 0) > (logits[row * vocabulary + best] ?? 0)) best = i
      }
      values.push(logits[row * vocabulary + best] ?? 0)
      indices.push(best)
    }
  }
  return { values, indices }
}
