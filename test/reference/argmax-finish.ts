/** Per row: the index that belongs to the largest value, of equal ones the lowest. values, indices: [rows, chunks]. */
export function argmaxFinish(values: ArrayLike<number>, indices: ArrayLike<number>, rows: number, chunks: number): number[] {
  return Array.from({ length: rows }, (_, row) => {
    let best = row * chunks
    for (let at = row * chunks; at < (row + 1) * chunks; at++) {
      const larger = (values[at] ?? 0) > (values[best] ?? 0)
      const lower = values[at] === values[best] && (indices[at] ?? 0) < (indices[best] ?? 0)
      if (larger || lower) best = at
    }
    return indices[best] ?? 0
  })
}
