import type { ModelInfo } from '../src/index.ts'
import type { DecoderSizes } from './shapes/shape.ts'

/** How weights are stored: bits of a value, its share of the scale included. */
const BITS: Readonly<Record<string, number>> = { q4: 4.5, q8: 8.5, float16: 16, float32: 32 }

/** Bytes that decoding a token reads with a cache of `context` tokens: all matrices of the layers, the head, keys and values. */
export function bytesPerToken(
  { hidden, layers, heads, kvHeads, headDim, intermediate, vocabulary }: DecoderSizes,
  { dtype, quantization }: Pick<ModelInfo, 'dtype' | 'quantization'>,
  context: number,
): number {
  const kept = quantization === 'none' ? dtype : quantization
  const layer = hidden * headDim * (2 * heads + 2 * kvHeads) + 3 * hidden * intermediate
  // The vocabulary's tables are never stored in fewer than 8 bits.
  const head = vocabulary * hidden * (BITS[kept === 'q4' ? 'q8' : kept] ?? 0)
  const cache = 2 * layers * kvHeads * headDim * context * (BITS[dtype] ?? 0)
  return (layers * layer * (BITS[kept] ?? 0) + head + cache) / 8
}
