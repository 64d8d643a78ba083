/** Float16 closest to a number, to even between two; the largest one beyond its range. By trying the exponent. */
export function toHalfReference(x: ArrayLike<number>): Float64Array {
  return Float64Array.from(x, (value) => {
    const inside = Math.max(-65504, Math.min(65504, value))
    const exponent = Math.max(-14, Math.floor(Math.log2(Math.abs(inside) || 1)))
    const unit = 2 ** (exponent - 10)
    const down = Math.floor(inside / unit)
    const rest = inside / unit - down
    const up = rest > 0.5 || (rest === 0.5 && down % 2 !== 0)
    return (down + (up ? 1 : 0)) * unit
  })
}
