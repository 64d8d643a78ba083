/** A safetensors file of this header text (or object) and so many bytes of data. */
export function withHeader(header: string | object | Uint8Array, data: Uint8Array | number = 0): Uint8Array<ArrayBuffer> {
  const text =
    header instanceof Uint8Array ? header : new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const body = typeof data === 'number' ? Uint8Array.from({ length: data }, (_, i) => (i * 37 + 11) & 255) : data
  const file = new Uint8Array(8 + text.length + body.length)
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true)
  file.set(text, 8)
  file.set(body, 8 + text.length)
  return file
}

/** A file of U8 tensors of these lengths, one after the other, filled with a pattern that tells them apart. */
export function byteTensors(lengths: Readonly<Record<string, number>>, seed = 0): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = {}
  let end = 0
  for (const [name, length] of Object.entries(lengths)) {
    header[name] = { dtype: 'U8', shape: [length], data_offsets: [end, end + length] }
    end += length
  }
  return withHeader(
    header,
    Uint8Array.from({ length: end }, (_, i) => (i * 31 + (i >> 8) + seed) & 255),
  )
}
