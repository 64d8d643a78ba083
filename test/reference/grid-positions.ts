/** Cells with their column's and their row's positions added. Inputs as in shaders/grid-positions.wgsl. */
export function gridPositions(
  x: ArrayLike<number>,
  table: ArrayLike<number>,
  { rows, columns, width }: { rows: number; columns: number; width: number },
): Float64Array {
  return Float64Array.from({ length: x.length }, (_, i) => {
    const cell = Math.floor(i / width) % (rows * columns)
    const c = i % width
    const half = width / 2
    const place = c < half ? cell % columns : Math.floor(cell / columns)
    return (x[i] as number) + (table[place * half + (c % half)] as number)
  })
}
