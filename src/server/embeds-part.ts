import type { Modality, WireTensor } from '../protocol/media.ts'
import { showValue } from '../util/show-value.ts'
import { wrongField } from './errors.ts'
import { isSafetensors, readSafetensorsPart } from './safetensors-part.ts'
import { readTensor } from './tensor-values.ts'
import { isTorchFile, readTorchPart } from './torch-part.ts'

type Tensors = Record<string, WireTensor>

/**
 * Reads the content of an `image_embeds`, `audio_embeds` or `video_embeds` part: a tensor in base64, or an object of them by name
 * (`image_embeds`, `image_grid_thw`, …). A tensor is a file of torch.save, as vLLM's clients send it, or of safetensors, in base64, or
 * { data, shape }: little-endian float32 in base64 with its shape. A file alone may hold all tensors by name.
 * Errors: InvalidRequestError with the path of what is wrong.
 */
export function readEmbeds(modality: Modality, content: unknown, at: string): { kind: 'embeds'; tensors: Tensors } {
  const own = `${modality}_embeds`
  if (typeof content === 'string' || isRaw(content)) return { kind: 'embeds', tensors: readNamed(content, own, at) }
  if (!isObject(content) || Object.keys(content).length === 0)
    throw wrongField(at, `${at} must be a tensor in base64, or an object of such tensors by name, got ${showValue(content)}.`)
  const tensors = Object.entries(content).map(([name, value]): [string, WireTensor] => {
    const [only, ...others] = Object.values(readNamed(value, name, `${at}.${name}`))
    if (!only || others.length > 0)
      throw wrongField(`${at}.${name}`, `${at}.${name} must hold one tensor, got ${others.length + (only ? 1 : 0)}.`)
    return [name, only]
  })
  return { kind: 'embeds', tensors: Object.fromEntries(tensors) }
}

/** The tensors of one value; one alone gets the name. */
function readNamed(value: unknown, name: string, at: string): Tensors {
  try {
    if (isRaw(value)) return { [name]: readTensor(bytesOf(value['data'], `${at}.data`), 'F32', shapeOf(value['shape'], `${at}.shape`)) }
    const bytes = bytesOf(value, at)
    const tensors = readFile(bytes, name)
    if (!tensors) {
      const forms = 'a file of torch.save or safetensors in base64, or { data, shape } with little-endian float32'
      throw wrongField(at, `${at} is in no known format; send ${forms}.`)
    }
    const [only, ...others] = Object.values(tensors)
    return only && others.length === 0 ? { [name]: only } : tensors
  } catch (error) {
    if (error instanceof RangeError) throw wrongField(at, `${at} ${error.message}.`)
    throw error
  }
}

/** safetensors first: the length that it begins with may look like a pickle. */
function readFile(bytes: Uint8Array, name: string): Tensors | undefined {
  if (isSafetensors(bytes)) return readSafetensorsPart(bytes)
  return isTorchFile(bytes) ? readTorchPart(bytes, name) : undefined
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isRaw = (value: unknown): value is { data: unknown; shape: unknown } => isObject(value) && 'data' in value && 'shape' in value

function shapeOf(value: unknown, at: string): number[] {
  if (Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)) return value
  throw wrongField(at, `${at} must be a list of whole numbers, got ${showValue(value)}.`)
}

function bytesOf(value: unknown, at: string): Uint8Array {
  if (typeof value === 'string' && value !== '') {
    try {
      return Uint8Array.from(atob(value), (char) => char.charCodeAt(0))
    } catch {
      // Not base64: said below.
    }
  }
  throw wrongField(at, `${at} must be a tensor in base64, got ${showValue(value)}.`)
}
