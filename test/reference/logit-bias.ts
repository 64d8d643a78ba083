export interface BiasEntry {
  readonly row: number
  readonly token: number
  readonly value: number
  readonly until: number
}

/** Adds every entry that still holds: output shorter than `until`, or until 0xffffffff. */
export function logitBias(
  logits: ArrayLike<number>,
  vocabulary: number,
  entries: readonly BiasEntry[],
  outputIndex: ArrayLike<number>,
): number[] {
  const out = Array.from(logits)
  for (const { row, token, value, until } of entries) {
    if (until === 0xffffffff || (outputIndex[row] ?? 0) < until)
      out[row * vocabulary + token] = (out[row * vocabulary + token] ?? 0) + value
  }
  return out
}
