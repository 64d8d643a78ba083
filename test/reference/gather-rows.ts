/** out[t] = media[mediaRows[t]], or table[ids[t]] where mediaRows[t] is 0xffffffff. */
export function gatherRowsReference(
  table: ArrayLike<number>,
  ids: ArrayLike<number>,
  mediaRows: ArrayLike<number>,
  media: ArrayLike<number>,
  cols: number,
): Float64Array {
  const out = new Float64Array(ids.length * cols)
  for (let t = 0; t < ids.length; t++) {
    const fromTable = mediaRows[t] === 0xffffffff
    for (let i = 0; i < cols; i++) out[t * cols + i] = fromTable ? table[ids[t]! * cols + i]! : media[mediaRows[t]! * cols + i]!
  }
  return out
}
