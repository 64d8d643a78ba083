import type { Modality, WireEmbeds, WireTensor } from '../protocol/media.ts'
import { invalidRequestError } from '../util/errors.ts'
import { type Captured, describe } from './captured.ts'
import type { ArrayInput, AudioEmbeds, ImageEmbeds, NestedNumbers, VideoEmbeds } from './media-types.ts'

/** Whether this is an object of pre-computed features: one with the key `image_embeds`, `video_embeds` or `audio_embeds`. */
export const isEmbeds = (value: unknown, modality: Modality): boolean =>
  typeof value === 'object' && value !== null && `${modality}_embeds` in value

/** Copies pre-computed features. Errors: InvalidRequestError for ragged lists, and data that do not fill their shape. */
export async function captureEmbeds(
  input: ImageEmbeds | VideoEmbeds | AudioEmbeds,
  at: string,
  uuid?: string | null,
): Promise<Captured<WireEmbeds>> {
  const tensors: Record<string, WireTensor> = {}
  for (const [name, value] of Object.entries<ArrayInput | undefined>({ ...input })) {
    if (value !== undefined) tensors[name] = readArray(value, `${at}.${name}`)
  }
  const transfer = Object.values(tensors).map(({ data }) => data.buffer as ArrayBuffer)
  return { wire: { kind: 'embeds', tensors, ...(uuid && { uuid }) }, transfer }
}

function readArray(input: ArrayInput, at: string): WireTensor {
  if (Array.isArray(input)) return readNested(input, at)
  const { data, shape } = (input ?? {}) as { data?: ArrayLike<number>; shape?: readonly number[] }
  if (typeof data?.length !== 'number' || !Array.isArray(shape) || !shape.every((size) => Number.isInteger(size) && size >= 0)) {
    throw invalidRequestError(
      `${at} is ${describe(input)}; it must be nested lists of numbers, or { data, shape } with whole numbers in shape.`,
    )
  }
  const count = shape.reduce((product, size) => product * size, 1)
  if (data.length !== count) throw invalidRequestError(`${at} has ${data.length} values, but its shape [${shape}] needs ${count}.`)
  return { data: Float32Array.from(data), shape: [...shape] }
}

function readNested(input: NestedNumbers, at: string): WireTensor {
  const shape: number[] = []
  for (let level: NestedNumbers | number | undefined = input; Array.isArray(level); level = level[0]) shape.push(level.length)
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1))
  let filled = 0
  const fill = (level: NestedNumbers | number, depth: number): void => {
    const size = shape[depth]
    if (size === undefined && typeof level === 'number') data[filled++] = level
    else if (Array.isArray(level) && level.length === size) for (const inner of level) fill(inner, depth + 1)
    else throw invalidRequestError(`${at} is ragged: ${describe(level)} stands where the first entries have shape [${shape.slice(depth)}].`)
  }
  fill(input, 0)
  return { data, shape }
}
