import type { WeightFormat } from '../../src/layers/weights.ts'

/** A decoder's sizes. */
export interface DecoderShape {
  readonly name: string
  readonly layers: number
  readonly hidden: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly intermediate: number
  readonly vocabulary: number
}

export const DECODERS: readonly DecoderShape[] = [
  { name: 'qwen2vl_2b', layers: 28, hidden: 1536, heads: 12, kvHeads: 2, headDim: 128, intermediate: 8960, vocabulary: 151_936 },
  { name: 'ultravox_8b', layers: 32, hidden: 4096, heads: 32, kvHeads: 8, headDim: 128, intermediate: 14_336, vocabulary: 128_256 },
  { name: 'minicpm_8b', layers: 28, hidden: 3584, heads: 28, kvHeads: 4, headDim: 128, intermediate: 18_944, vocabulary: 151_666 },
]

/** For a trial run on SwiftShader. */
export const SMALL: DecoderShape = {
  ...{ name: 'small', layers: 2, hidden: 256, heads: 4, kvHeads: 2, headDim: 64, intermediate: 512, vocabulary: 1024 },
}

export const BITS: Readonly<Record<WeightFormat, number>> = { f32: 32, f16: 16, q8: 8.5, q4: 4.5 }
