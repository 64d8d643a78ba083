/** Cosines and sines of rotary angles, each [maxPos, frequencies] row-major. */
export interface RopeTable {
  readonly cos: Float32Array<ArrayBuffer>
  readonly sin: Float32Array<ArrayBuffer>
}

/** The rotary frequencies θ^(−2i/dim) for i = 0…dim/2−1 (RoFormer, arXiv:2104.09864). dim: even. */
export function inverseFrequencies(dim: number, theta: number): Float64Array<ArrayBuffer> {
  return Float64Array.from({ length: dim / 2 }, (_, i) => theta ** ((-2 * i) / dim))
}

/** Tables for the positions 0…maxPos−1, computed in float64 and then rounded. scale: what cosines and sines are multiplied by. */
export function ropeTable(frequencies: Float64Array | readonly number[], maxPos: number, scale = 1): RopeTable {
  const width = frequencies.length
  const cos = new Float32Array(maxPos * width)
  const sin = new Float32Array(maxPos * width)
  for (let position = 0; position < maxPos; position++) {
    for (let j = 0; j < width; j++) {
      const angle = position * (frequencies[j] ?? 0)
      cos[position * width + j] = scale * Math.cos(angle)
      sin[position * width + j] = scale * Math.sin(angle)
    }
  }
  return { cos, sin }
}

/** Frequencies stretched by wavelength, as Llama 3.1 does it. */
export interface Llama3Rope {
  /** What long wavelengths are multiplied by. */
  readonly factor: number
  /** Wavelengths above originalMax / lowFactor are stretched in full, those below originalMax / highFactor not at all. */
  readonly lowFactor: number
  readonly highFactor: number
  /** Positions that the model was first trained with. */
  readonly originalMax: number
}

/** Rotary frequencies for a longer context: slow ones divided by the factor, fast ones kept, those between in proportion. */
export function llama3Frequencies(frequencies: Float64Array, { factor, lowFactor, highFactor, originalMax }: Llama3Rope): Float64Array {
  return frequencies.map((frequency) => {
    const turns = (originalMax * frequency) / (2 * Math.PI)
    const kept = Math.min(1, Math.max(0, (turns - lowFactor) / (highFactor - lowFactor)))
    return ((1 - kept) * frequency) / factor + kept * frequency
  })
}

/** Positions stretched by a factor per frequency, in two sets (LongRoPE, arXiv:2402.13753; Phi-3 calls it su). */
export interface LongRope {
  readonly shortFactors: readonly number[]
  readonly longFactors: readonly number[]
  /** Sequences of up to this many tokens take the short factors, longer ones the long factors for all their tokens. */
  readonly originalMax: number
  /** Positions that the long factors were made for. */
  readonly extendedMax: number
}

/**
 * Tables for sequences of up to maxPos tokens: the short factors' rows for positions 0…originalMax−1 and, if maxPos is above that, the
 * long factors' rows for 0…maxPos−1 after them. Both are scaled by √(1 + ln(extendedMax / originalMax) / ln originalMax).
 */
export function longRopeTable(frequencies: Float64Array, rope: LongRope, maxPos: number): RopeTable & { readonly rows: number } {
  const { shortFactors, longFactors, originalMax, extendedMax } = rope
  const scale = Math.sqrt(1 + Math.max(0, Math.log(extendedMax / originalMax)) / Math.log(originalMax))
  const table = (factors: readonly number[], rows: number): RopeTable =>
    ropeTable(
      frequencies.map((frequency, i) => frequency / (factors[i] ?? 1)),
      rows,
      scale,
    )
  const short = table(shortFactors, Math.min(maxPos, originalMax))
  if (maxPos <= originalMax) return { ...short, rows: maxPos }
  const long = table(longFactors, maxPos)
  return { cos: joined(short.cos, long.cos), sin: joined(short.sin, long.sin), rows: originalMax + maxPos }
}

function joined(first: Float32Array, second: Float32Array): Float32Array<ArrayBuffer> {
  const all = new Float32Array(first.length + second.length)
  all.set(first)
  all.set(second, first.length)
  return all
}
