/** A field of a protocol buffers message: a number, the bits of a float, or bytes. */
export type ProtoField = readonly [field: number, value: bigint | number | Uint8Array]

/** Reads a message's fields in order. Errors: a wire type that writers here do not use, or bytes that end too early. */
export function readProto(bytes: Uint8Array): ProtoField[] {
  const fields: ProtoField[] = []
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]
      if (byte === undefined) throw new Error('the message ends within a number')
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const tag = Number(varint())
    const [field, type] = [tag >> 3, tag & 7]
    if (type === 0) fields.push([field, BigInt.asIntN(64, varint())])
    else if (type === 5) {
      fields.push([field, new DataView(bytes.buffer, bytes.byteOffset + at, 4).getFloat32(0, true)])
      at += 4
    } else if (type === 2) {
      const length = Number(varint())
      if (at + length > bytes.length) throw new Error('the message ends within bytes')
      fields.push([field, bytes.subarray(at, at + length)])
      at += length
    } else throw new Error(`wire type ${type} is not expected`)
  }
  return fields
}

/** All values of a field that are messages, read. */
export const messagesOf = (fields: readonly ProtoField[], wanted: number): ProtoField[][] =>
  fields.filter(([field]) => field === wanted).map(([, value]) => readProto(value as Uint8Array))

/** All values of a field that are texts. */
export const textsOf = (fields: readonly ProtoField[], wanted: number): string[] =>
  fields.filter(([field]) => field === wanted).map(([, value]) => new TextDecoder().decode(value as Uint8Array))

/** All values of a field that are numbers. */
export const numbersOf = (fields: readonly ProtoField[], wanted: number): number[] =>
  fields.filter(([field]) => field === wanted).map(([, value]) => Number(value))
