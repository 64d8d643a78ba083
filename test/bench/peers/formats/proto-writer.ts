const encoder = new TextEncoder()

/** Wire types of protocol buffers. */
const [VARINT, LENGTH, FIXED32] = [0, 2, 5] as const

/** Writes one protocol buffers message field by field; an inner message is a writer of its own. */
export class ProtoWriter {
  readonly #parts: Uint8Array[] = []
  #size = 0

  /** int32, int64 or an enum; negative numbers take ten bytes, as the format has it. */
  integer(field: number, value: number | bigint): this {
    return this.#tag(field, VARINT).#varint(BigInt.asUintN(64, BigInt(value)))
  }

  float(field: number, value: number): this {
    return this.#tag(field, FIXED32).#put(new Uint8Array(Float32Array.of(value).buffer))
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#tag(field, LENGTH).#varint(BigInt(value.length)).#put(value)
  }

  text(field: number, value: string): this {
    return this.bytes(field, encoder.encode(value))
  }

  message(field: number, inner: ProtoWriter): this {
    this.#tag(field, LENGTH).#varint(BigInt(inner.#size))
    for (const part of inner.#parts) this.#put(part)
    return this
  }

  /** Several inner messages of the same field. */
  messages<T>(field: number, items: Iterable<T>, write: (item: T) => ProtoWriter): this {
    for (const item of items) this.message(field, write(item))
    return this
  }

  /** The whole message in one piece. */
  finish(): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(this.#size)
    let at = 0
    for (const part of this.#parts) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }

  #tag(field: number, type: number): this {
    return this.#varint(BigInt(field * 8 + type))
  }

  #varint(value: bigint): this {
    const bytes: number[] = []
    let rest = value
    while (rest >= 128n) {
      bytes.push(Number(rest & 127n) | 128)
      rest >>= 7n
    }
    return this.#put(Uint8Array.from([...bytes, Number(rest)]))
  }

  #put(part: Uint8Array): this {
    this.#parts.push(part)
    this.#size += part.length
    return this
  }
}
