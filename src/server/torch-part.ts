import type { WireTensor } from '../protocol/media.ts'
import { type Pickled, type PickledTensor, readPickle } from './torch-pickle.ts'
import { isZip, readZip } from './torch-zip.ts'

/** Longest pickle, in bytes: a part holds a few tensors, each some hundred bytes of it. */
const MAX_PICKLE = 100_000

/** Whether bytes may be a file of torch.save: a zip archive, or the bare pickle that it wrote before version 1.6. */
export const isTorchFile = (bytes: Uint8Array): boolean => isZip(bytes) || isPickle(bytes)
const isPickle = (bytes: Uint8Array): boolean => bytes[0] === 0x80 && (bytes[1] ?? 0) >= 2 && (bytes[1] ?? 0) <= 5

/**
 * What a file of torch.save holds: a dense tensor, which gets the name, or a dict of them by name. Nothing in it is run. Errors: RangeError
 * with words for a user.
 */
export function readTorchPart(bytes: Uint8Array, name: string): Record<string, WireTensor> {
  if (!isZip(bytes)) {
    throw new RangeError(
      'is a pickle alone, torch.save’s old form; save it without _use_new_zipfile_serialization=False, or as safetensors',
    )
  }
  const files = readZip(bytes)
  // All files lie in one folder, which has the name that the file had when it was saved.
  const pickles = [...files.keys()].filter((path) => /^[^/]+\/data\.pkl$/.test(path))
  const [path = ''] = pickles
  const folder = path.slice(0, -'data.pkl'.length)
  const pickle = files.get(path)
  if (!pickle || pickles.length > 1 || files.has(`${folder}constants.pkl`)) {
    throw new RangeError('is a zip archive, but no file of torch.save')
  }
  const order = new TextDecoder().decode(files.get(`${folder}byteorder`) ?? new Uint8Array(0)).trim()
  if (order === 'big') throw new RangeError('is a file of torch.save with big-endian values; save it on a little-endian machine')
  if (pickle.length > MAX_PICKLE)
    throw new RangeError(`is a file of torch.save whose pickle has ${pickle.length} bytes, above ${MAX_PICKLE}`)
  const storageOf = (key: string): Uint8Array => {
    const storage = files.get(`${folder}data/${key}`)
    if (!storage) throw new RangeError(`is a file of torch.save without its storage ${JSON.stringify(key)}`)
    return storage
  }
  return named(readPickle(pickle, { storageOf, maxValues: bytes.length }), name)
}

function named(value: Pickled, name: string): Record<string, WireTensor> {
  if (isTensor(value)) return { [name]: value.tensor }
  if (!(value instanceof Map) || value.size === 0) {
    throw new RangeError(`is a file of torch.save that holds ${describe(value)}; it must hold a tensor, or a dict of tensors`)
  }
  const entries = [...value].map(([key, item]): [string, WireTensor] => {
    if (typeof key === 'string' && isTensor(item)) return [key, item.tensor]
    throw new RangeError(`is a file of torch.save with a dict whose entry ${String(key)} holds ${describe(item)}; it must hold a tensor`)
  })
  return Object.fromEntries(entries)
}

const isTensor = (value: Pickled): value is PickledTensor =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'tensor'

function describe(value: Pickled): string {
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (value instanceof Map) return `a dict of ${value.size}`
  if (typeof value === 'object' && value !== null) return `a ${value.kind}`
  return typeof value === 'string' ? 'a text' : String(value)
}
