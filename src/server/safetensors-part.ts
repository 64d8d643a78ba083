import type { WireTensor } from '../protocol/media.ts'
import { readTensor } from './tensor-values.ts'

/** Longest header, in bytes: a part holds a few tensors. */
const MAX_HEADER = 100_000

/** Whether bytes may be a safetensors file: the header's length, then JSON. */
export const isSafetensors = (bytes: Uint8Array): boolean => bytes.length > 8 && bytes[8] === 0x7b && bytes[4] === 0 && bytes[7] === 0

/** The tensors of a small safetensors file by name. Errors: RangeError with words for a user. */
export function readSafetensorsPart(bytes: Uint8Array): Record<string, WireTensor> {
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true)
  if (length > Math.min(MAX_HEADER, bytes.length - 8)) throw new RangeError(`is cut off: its header takes ${length} bytes`)
  const data = bytes.subarray(8 + length)
  const tensors: [name: string, tensor: WireTensor][] = []
  let taken = 0
  for (const [name, entry] of Object.entries(parse(bytes.subarray(8, 8 + length)))) {
    if (name === '__metadata__') continue
    const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>
    if (typeof dtype !== 'string' || !isCounts(shape) || !isCounts(offsets) || offsets.length !== 2)
      throw new RangeError(`has a header whose entry ${name} is not { dtype, shape, data_offsets }`)
    const [begin = 0, end = 0] = offsets
    if (begin > end || end > data.length) throw new RangeError(`is cut off: ${name} lies at ${begin} to ${end} of ${data.length} bytes`)
    taken += end - begin
    // Else a small file could hold tensors without end.
    if (taken > data.length) throw new RangeError(`has a header in which ${name} shares its bytes with others`)
    tensors.push([name, readTensor(data.subarray(begin, end), dtype, shape)])
  }
  return Object.fromEntries(tensors)
}

function parse(header: Uint8Array): object {
  try {
    return Object(JSON.parse(new TextDecoder().decode(header)))
  } catch {
    throw new RangeError('has a header that is not JSON')
  }
}

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0)
