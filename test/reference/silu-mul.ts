/** out[t, i] = silu(gate[t, i]) · up[t, i]; a row of x is gate then up, or up then gate. */
export function siluMulReference(x: ArrayLike<number>, rows: number, width: number, gateSecond: boolean): Float64Array {
  const out = new Float64Array(rows * width)
  for (let t = 0; t < rows; t++) {
    for (let i = 0; i < width; i++) {
      const first = x[t * 2 * width + i]!
      const second = x[(t * 2 + 1) * width + i]!
      const gate = gateSecond ? second : first
      const up = gateSecond ? first : second
      out[t * width + i] = (gate / (1 + Math.exp(-gate))) * up
    }
  }
  return out
}
