import { fromHalf, toHalf } from '../util/half.ts'

/** Values that share a scale, along a row. */
export const QUANT_GROUP = 32

/**
 * Quantizes groups of 32 f32 values. `at`: index of the first group in `scales`. Returns how many values have no finite stand-in
 * (32 for each group that holds an infinity or NaN, or whose scale a half cannot hold).
 */
export type QuantizeGroups = (values: Float32Array, at: number, data: Uint8Array, scales: Uint16Array) => number

/**
 * 8 bits: value ≈ int8 · scale, scale = half(max|value| / 127), rounded up where rounding down would push the maximum past 127.5. So the
 * error is at most scale / 2 everywhere. One byte a value.
 */
export const quantize8: QuantizeGroups = (values, at, data, scales) => {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const out = new Int8Array(data.buffer, data.byteOffset + at * QUANT_GROUP, values.length)
  let overflow = 0
  for (let first = 0, group = at; first < values.length; first += QUANT_GROUP, group++) {
    const largest = Math.abs(values[largestIndex(bits, first)] as number)
    let scale = toHalf(largest / 127)
    if (fromHalf(scale) * 127.5 <= largest && largest > 0) scale++
    scales[group] = scale
    const step = fromHalf(scale)
    if (!(largest < Number.POSITIVE_INFINITY && step < Number.POSITIVE_INFINITY)) overflow += QUANT_GROUP
    const perStep = step > 0 ? 1 / step : 0
    // Adding 128 makes truncation round down.
    for (let i = first; i < first + QUANT_GROUP; i++) out[i] = (((values[i] as number) * perStep + 128.5) | 0) - 128
  }
  return overflow
}

/**
 * 4 bits: value ≈ (code − 8) · scale, codes 0 to 15. The scale is a half, fitted as fittedStep says, and every value gets its nearest code.
 * Words of 8 values: value 2i in bits 4i to 4i+3, value 2i+1 sixteen bits above.
 */
export const quantize4: QuantizeGroups = (values, at, data, scales) => {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const words = new Uint32Array(data.buffer, data.byteOffset + (at * QUANT_GROUP) / 2, values.length / 8)
  let overflow = 0
  for (let first = 0, group = at; first < values.length; first += QUANT_GROUP, group++) {
    const largest = values[largestIndex(bits, first)] as number
    const scale = toHalf(fittedStep(values, first, largest))
    scales[group] = scale
    const step = fromHalf(scale)
    if (!(Math.abs(largest) < Number.POSITIVE_INFINITY && Math.abs(step) < Number.POSITIVE_INFINITY)) overflow += QUANT_GROUP
    pack4(values, first, step === 0 ? 0 : 1 / step, words)
  }
  return overflow
}

/** Index of the value of largest magnitude among the 32 from `first`; NaN counts as larger than infinity. */
function largestIndex(bits: Uint32Array, first: number): number {
  let largest = -1
  let index = first
  for (let i = first; i < first + QUANT_GROUP; i++) {
    const magnitude = (bits[i] as number) & 0x7fffffff
    if (magnitude > largest) {
      largest = magnitude
      index = i
    }
  }
  return index
}

/** Nearest code, 0 to 15, of a value in units of the step. */
function nearestCode(inSteps: number): number {
  const code = (inSteps + 8.5) | 0
  return code < 0 ? 0 : Math.min(code, 15)
}

/**
 * Where the largest value of a group comes to lie, in steps from zero: on the lowest code, a little above it (so that less is clipped on the
 * other side), or a little below it (clipped itself, for a finer step). With these three the error on Gaussian and on trained weights is
 * within 1 % of the best of 120 steps; the first alone gives 4 to 6 % more.
 */
const [EXACT, WIDE, FINE] = [-8, -7.2, -8.6]

/**
 * A step for the 32 values from `first`. Three ways to round are tried. For given codes q the least squared error is that of the step
 * Σxq / Σq², and it is smallest where (Σxq)² / Σq² is largest. One loop for all three: they overlap in the processor.
 */
function fittedStep(values: Float32Array, first: number, largest: number): number {
  if (largest === 0) return 0
  const perA = EXACT / largest
  const perB = WIDE / largest
  const perC = FINE / largest
  let productA = 0
  let productB = 0
  let productC = 0
  let squareA = 0
  let squareB = 0
  let squareC = 0
  for (let i = first; i < first + QUANT_GROUP; i++) {
    const value = values[i] as number
    const a = nearestCode(value * perA) - 8
    const b = nearestCode(value * perB) - 8
    const c = nearestCode(value * perC) - 8
    productA += value * a
    productB += value * b
    productC += value * c
    squareA += a * a
    squareB += b * b
    squareC += c * c
  }
  // The largest value has a code other than 8 in each, so no square is 0.
  const stepA = productA / squareA
  const stepB = productB / squareB
  const stepC = productC / squareC
  const best = productB * stepB > productA * stepA ? stepB : stepA
  return productC * stepC > Math.max(productA * stepA, productB * stepB) ? stepC : best
}

function pack4(values: Float32Array, first: number, perStep: number, words: Uint32Array): void {
  for (let i = first; i < first + QUANT_GROUP; i += 8) {
    let word = 0
    for (let pair = 0; pair < 8; pair += 2) {
      const low = nearestCode((values[i + pair] as number) * perStep)
      const high = nearestCode((values[i + pair + 1] as number) * perStep)
      word |= (low | (high << 16)) << (pair * 2)
    }
    words[i >>> 3] = word
  }
}
