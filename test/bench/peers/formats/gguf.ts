const encoder = new TextEncoder()

/** How values are stored: the format's number, values in a block and bytes of it. */
export const ggufTypes = {
  f32: { id: 0, values: 1, bytes: 4 },
  /** 32 values: a half as scale, then their 4-bit codes less 8. */
  q4_0: { id: 2, values: 32, bytes: 18 },
} as const
export type GgufType = keyof typeof ggufTypes

/** A value of the header. Numbers are unsigned 32-bit integers unless they are wrapped in `float`. */
export type GgufValue = string | number | boolean | { readonly float: number } | readonly string[] | Int32Array

/** A tensor; its sizes are those of the file, the innermost first. */
export interface GgufTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly type: GgufType
}

/** Numbers of the header's value types. */
const [U32, I32, F32, BOOL, STRING, ARRAY] = [4, 5, 6, 7, 8, 9] as const
/** Tensors begin at multiples of this many bytes. */
const ALIGNMENT = 32

/** Bytes of a tensor, without what pads it. */
export function ggufBytes({ shape, type }: GgufTensor): number {
  const { values, bytes } = ggufTypes[type]
  if ((shape[0] ?? 0) % values !== 0) throw new Error(`${type} takes rows of whole blocks of ${values}, not of ${shape[0]} values`)
  return (shape.reduce((product, size) => product * size, 1) / values) * bytes
}

/** Bytes that follow a stretch of so many, to the next tensor. */
export const ggufPadding = (length: number): number => (ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT

/**
 * A GGUF file's beginning (version 3), padded so that the first tensor may follow at once. Tensors then come in this order, each padded by
 * ggufPadding of its bytes.
 */
export function ggufHeader(metadata: Readonly<Record<string, GgufValue>>, tensors: readonly GgufTensor[]): Uint8Array<ArrayBuffer> {
  const out = new Bytes().raw(encoder.encode('GGUF')).u32(3).u64(tensors.length).u64(Object.keys(metadata).length)
  for (const [key, value] of Object.entries(metadata)) writeValue(out.text(key), value)
  let offset = 0
  for (const tensor of tensors) {
    out.text(tensor.name).u32(tensor.shape.length)
    for (const size of tensor.shape) out.u64(size)
    out.u32(ggufTypes[tensor.type].id).u64(offset)
    const length = ggufBytes(tensor)
    offset += length + ggufPadding(length)
  }
  return out.raw(new Uint8Array(ggufPadding(out.size))).joined()
}

function writeValue(out: Bytes, value: GgufValue): void {
  if (typeof value === 'string') out.u32(STRING).text(value)
  else if (typeof value === 'number') out.u32(U32).u32(value)
  else if (typeof value === 'boolean') out.u32(BOOL).raw(Uint8Array.of(Number(value)))
  else if (value instanceof Int32Array) out.u32(ARRAY).u32(I32).u64(value.length).raw(new Uint8Array(value.slice().buffer))
  else if ('float' in value) out.u32(F32).raw(new Uint8Array(Float32Array.of(value.float).buffer))
  else {
    out.u32(ARRAY).u32(STRING).u64(value.length)
    for (const item of value) out.text(item)
  }
}

/** Little-endian values one after the other. */
class Bytes {
  readonly #parts: Uint8Array[] = []
  size = 0

  raw(part: Uint8Array): this {
    this.#parts.push(part)
    this.size += part.length
    return this
  }

  u32(value: number): this {
    return this.raw(new Uint8Array(Uint32Array.of(value).buffer))
  }

  u64(value: number): this {
    return this.raw(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer))
  }

  text(value: string): this {
    const bytes = encoder.encode(value)
    return this.u64(bytes.length).raw(bytes)
  }

  joined(): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(this.size)
    let at = 0
    for (const part of this.#parts) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }
}
