/** Cosines and sines of rotary angles, each [maxPos, frequencies] row-major. */
export interface RopeTable {
  readonly cos: Float32Array<ArrayBuffer>
  readonly sin: Float32Array<ArrayBuffer>
}

/** The rotary frequencies θ^(−2i/dim) for i = 0…dim/2−1 (RoFormer, arXiv:2104.09864). dim: even. */
export function inverseFrequencies(dim: number, theta: number): Float64Array<ArrayBuffer> {
  return Float64Array.from({ length: dim / 2 }, (_, i) => theta ** ((-2 * i) / dim))
}

/** Tables for the positions 0…maxPos−1, computed in float64 and then rounded. */
export function ropeTable(frequencies: Float64Array | readonly number[], maxPos: number): RopeTable {
  const width = frequencies.length
  const cos = new Float32Array(maxPos * width)
  const sin = new Float32Array(maxPos * width)
  for (let position = 0; position < maxPos; position++) {
    for (let j = 0; j < width; j++) {
      const angle = position * (frequencies[j] ?? 0)
      cos[position * width + j] = Math.cos(angle)
      sin[position * width + j] = Math.sin(angle)
    }
  }
  return { cos, sin }
}
