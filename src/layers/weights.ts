import type { Tensor } from '../gpu/tensor.ts'

/**
 * Storage of a matrix on the GPU (rows = outputs, cols = inputs, row-major).
 * f32, f16: plain values. q8: int8 data and an f16 scale per 32 columns. q4: nibbles and an f16 scale per 32 columns,
 * value = (nibble − 8) · scale; of the 8 columns in a u32, column 2i sits in nibble i and column 2i+1 in nibble i+4.
 */
export type WeightFormat = 'f32' | 'f16' | 'q8' | 'q4'

/** Columns that share a scale in q8 and q4. */
export const QUANT_GROUP = 32

/** A matrix and, if the checkpoint has one, its bias (f32 [rows]). Its format is nobody's business but linear's and embedding's. */
export interface LinearWeight {
  readonly format: WeightFormat
  readonly rows: number
  readonly cols: number
  /** Bound as array<u32>: f32 bits, f16 pairs, 4 int8, or 8 nibbles per word. */
  readonly data: Tensor
  /** f16 pairs [rows · cols / 32], flat. Undefined for f32 and f16. */
  readonly scales: Tensor | undefined
  readonly bias: Tensor | undefined
}

/**
 * What a matrix is for, which decides how far quantization goes: 'layer' follows the option fully, 'table' (embedding, head) stops
 * at q8, 'encoder' (vision, audio, projector) stays at dtype.
 */
export type WeightRole = 'layer' | 'table' | 'encoder'

/** Part of a linear weight in the checkpoint: its name without `.weight`, and its rows. */
export interface LinearPart {
  readonly name: string
  readonly rows: number
  /** False: this part has no bias where the others have one; zeros stand for it. */
  readonly bias?: false | undefined
}

/**
 * How a family names its weights. Reading declares: GPU memory is set aside at once, data follows when every tensor has been
 * declared and all missing, misshapen and unused tensors have been reported in one error.
 */
export interface WeightReader {
  /** A reader whose names start with `prefix.` */
  scope(prefix: string): WeightReader
  /** Is there such a tensor in the checkpoint? */
  has(name: string): boolean
  /** Leaves all tensors whose names start with `prefix.` unread; without this they would be reported as unused. */
  skip(prefix: string): void
  /** A vector or small array, kept in f32. The name is complete (`norm.weight`). */
  tensor(name: string, shape: readonly number[]): Tensor
  /**
   * A matrix [rows, cols] from `name.weight` (and `name.bias` if `bias`). Several parts are stacked by rows into one.
   * Shapes with more axes are flattened to rows × the rest. transposed: the checkpoint has it as [cols, rows], for x · P.
   */
  linear(
    parts: LinearPart | readonly LinearPart[],
    cols: number,
    options: { role: WeightRole; bias?: boolean; transposed?: boolean },
  ): LinearWeight
}
