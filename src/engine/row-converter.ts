import { type ConvertedRows, convertRows, type FloatDtype, type GpuFormat, type StoredDtype, transposeRows } from '../weights/convert.ts'

/** Rows of a checkpoint's tensor to be converted. */
export interface ConversionJob {
  /** Owns its buffer from offset 0; whoever converts may take it away. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly dtype: StoredDtype
  readonly cols: number
  readonly format: GpuFormat
  /** The bytes are a whole matrix with columns for rows. */
  readonly transposed: boolean
}

/** Converts rows somewhere else while the engine reads on. */
export interface RowConverter {
  /** How many jobs are worth having under way at once. */
  readonly width: number
  /** Errors: those of convertRows; ModelLoadError when it has broken down. */
  convert(job: ConversionJob): Promise<ConvertedRows> | ConvertedRows
  /** Ends it; nothing may be under way. */
  close(): void
}

/** Makes a converter for so many bytes of a checkpoint; undefined where that is not worth it or not possible. */
export type MakeConverter = (bytes: number) => RowConverter | undefined

/** Converts rows at once, on this thread. */
export function convertHere({ bytes, dtype, cols, format, transposed }: ConversionJob): ConvertedRows {
  return convertRows(transposed ? transposeRows(bytes, dtype as FloatDtype, cols) : bytes, dtype, cols, format)
}
