/**
 * Element types in GPU memory. f16 is stored as pairs in 32-bit words and read with unpack2x16float, which needs no GPU feature;
 * the shader-f16 feature only changes arithmetic, never storage.
 */
export type DType = 'f32' | 'f16' | 'u32' | 'i32'

/** Memory behind tensors. `buffer` is set at once for weights and state, and when a program is finished for scratch. */
export interface Storage {
  buffer: GPUBuffer | undefined
  readonly bytes: number
}

/** A dense row-major array on the GPU: a plain record. `offset` is in bytes and a multiple of 256. */
export interface Tensor {
  readonly storage: Storage
  readonly offset: number
  readonly shape: readonly number[]
  readonly dtype: DType
}

export const bytesPerElement = (dtype: DType): number => (dtype === 'f16' ? 2 : 4)

/** The number of values in a shape; 1 for a scalar. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

/** Bytes of a tensor, rounded up to the 4 bytes that copies and bindings need. */
export const byteSize = (dtype: DType, shape: readonly number[]): number =>
  Math.max(4, Math.ceil((elementCount(shape) * bytesPerElement(dtype)) / 4) * 4)

/** The same bytes under another shape. Errors: the counts differ. */
export function reshape(tensor: Tensor, shape: readonly number[]): Tensor {
  if (elementCount(shape) !== elementCount(tensor.shape)) throw new Error(`cannot reshape [${tensor.shape}] to [${shape}]`)
  return { ...tensor, shape }
}

/**
 * Some rows of a matrix, in place. Errors: they are not there, or do not start at a multiple of the 256 bytes that bindings need.
 */
export function rowsOf(tensor: Tensor, start: number, count: number): Tensor {
  const [rows, cols] = matrixShape('rowsOf', tensor)
  const offset = tensor.offset + start * cols * bytesPerElement(tensor.dtype)
  if (start + count > rows) throw new Error(`a tensor of shape [${tensor.shape}] has no rows ${start}…${start + count - 1}`)
  if (offset % 256 !== 0)
    throw new Error(`row ${start} of a tensor of shape [${tensor.shape}] starts at ${offset} bytes, no multiple of 256`)
  return { ...tensor, offset, shape: [count, cols] }
}

/** Throws unless the tensor has exactly this shape; `name` tells which. */
export function expectShape(name: string, tensor: Tensor, shape: readonly number[]): void {
  if (tensor.shape.length !== shape.length || tensor.shape.some((size, i) => size !== shape[i])) {
    throw new Error(`${name} has shape [${tensor.shape}], expected [${shape}]`)
  }
}

/** Rows and columns of a matrix. Errors: not two axes. */
export function matrixShape(name: string, tensor: Tensor): readonly [number, number] {
  const [rows, cols] = tensor.shape
  if (tensor.shape.length !== 2 || rows === undefined || cols === undefined)
    throw new Error(`${name} has shape [${tensor.shape}], expected two axes`)
  return [rows, cols]
}
