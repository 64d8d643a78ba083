import type { Gpu } from '../../src/gpu/device.ts'
import type { Tensor } from '../../src/gpu/tensor.ts'
import { type DecodeVariant, unitsOf } from '../../src/kernels/lib/decode-code.ts'
import type { WeightFormat } from '../../src/layers/weights.ts'
import { fromHalf, toHalf } from '../../src/util/half.ts'
import { testGpu, upload } from './gpu.ts'

/** Every way to compute a decode step on this GPU. */
export async function decodeVariants(): Promise<DecodeVariant[]> {
  const { f16, subgroup } = (await testGpu()).abilities
  const acts = f16 ? (['f32', 'f16'] as const) : (['f32'] as const)
  return acts.flatMap((act) => [{ act, subgroup: 0 }, ...(subgroup > 0 ? [{ act, subgroup }] : [])])
}

export const variantName = ({ act, subgroup }: DecodeVariant): string =>
  `activations in ${act}, ${subgroup ? `subgroups of ${subgroup}` : 'no subgroups'}`

/** f16 activations are stored as 1/128 of their value. */
const SCALE = { f32: 1, f16: 1 / 128 } as const
const UNIT = { f32: 4, f16: 8 } as const

/** Where a column stands: chunks of `units` units, the first units of all chunks coming first, then the second ones. */
function place(column: number, width: number, format: WeightFormat, act: DecodeVariant['act']): number {
  const unit = UNIT[act]
  const units = unitsOf(format, act)
  const chunk = Math.floor(column / (unit * units))
  const inChunk = Math.floor(column / unit) % units
  return (inChunk * (width / (unit * units)) + chunk) * unit + (column % unit)
}

/** Activations as a product with weights of `format` reads them, and the values that they then stand for. */
export function packActs(gpu: Gpu, values: Float32Array, width: number, format: WeightFormat, { act }: DecodeVariant) {
  const packed = new Float32Array(values.length)
  const stored = new Float64Array(values.length)
  values.forEach((value, i) => {
    const token = Math.floor(i / width)
    packed[token * width + place(i % width, width, format, act)] = value * SCALE[act]
    stored[i] = act === 'f16' ? fromHalf(toHalf(value * SCALE.f16)) / SCALE.f16 : value
  })
  const tensor: Tensor = upload(gpu, act, [values.length / width, width], packed)
  return { tensor, stored }
}

/** What activations on the GPU stand for, as a product with weights of `format` would read them. */
export function unpackActs(packed: ArrayLike<number>, width: number, format: WeightFormat, { act }: DecodeVariant): Float64Array {
  return Float64Array.from(packed, (_, i) => {
    const token = Math.floor(i / width)
    return (packed[token * width + place(i % width, width, format, act)] ?? Number.NaN) / SCALE[act]
  })
}

/** Sums of squares in `parts` parts, uneven ones, for each row of x. */
export function squaresInParts(x: Float32Array, width: number, parts: number): Float32Array {
  const rows = x.length / width
  const squares = new Float32Array(rows * parts)
  x.forEach((value, i) => {
    const at = Math.floor(i / width) * parts + (((i % width) * 7) % parts)
    squares[at] = (squares[at] ?? 0) + value * value
  })
  return squares
}

/**
 * Most that a product of `cols` columns may be off by, in units of its magnitude Σ|x·w|. f32: roundings of 2^-24, of which a chain of
 * cols / 4 additions has as many as its square root, and 32 for scales, norm and epilogue. f16: sums of 8 products in f16, each rounded by
 * 2^-11 at most, and what is stored in f16 rounded once more.
 */
export const allowedError = (cols: number, { act }: DecodeVariant): number =>
  act === 'f16' ? 10 * 2 ** -11 : (Math.sqrt(cols / 4) + 32) * 2 ** -24

/** The largest difference in units of what is allowed: `error` of each value's magnitude. NaN counts as the worst. */
export function worstOf(actual: ArrayLike<number>, expected: ArrayLike<number>, magnitudes: ArrayLike<number>, error: number): number {
  let worst = 0
  for (let i = 0; i < expected.length; i++) {
    const off = Math.abs((actual[i] ?? Number.NaN) - (expected[i] ?? 0)) / (error * (magnitudes[i] ?? 0) + 1e-30)
    if (!(off <= worst) && !Number.isNaN(worst)) worst = off
  }
  return worst
}
