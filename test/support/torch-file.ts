/** A whole number in so many bytes, little-endian. */
export const word = (value: number, bytes: number): number[] => Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) % 256)
export const text = (value: string): number[] => [...value].map((letter) => letter.charCodeAt(0))

export interface ZipFile {
  name: string
  body: readonly number[]
  method?: number
  flags?: number
  /** Its size as the table has it. */
  said?: number
}

/** A zip archive of files as they are. */
export function zip(files: readonly ZipFile[]): Uint8Array<ArrayBuffer> {
  const table: number[] = []
  const bytes: number[] = []
  const put = (target: number[], values: readonly number[]): void => {
    for (const value of values) target.push(value)
  }
  for (const { name, body, method = 0, flags = 0, said = body.length } of files) {
    const common = [...word(20, 2), ...word(flags, 2), ...word(method, 2), ...word(0, 8), ...word(body.length, 4), ...word(said, 4)]
    const names = [...word(name.length, 2), ...word(0, 2)]
    const place = [...word(0, 10), ...word(bytes.length, 4)]
    put(table, [...text('PK\x01\x02'), ...word(20, 2), ...common, ...names, ...place, ...text(name)])
    put(bytes, [...text('PK\x03\x04'), ...common, ...names, ...text(name)])
    put(bytes, body)
  }
  const sizes = [...word(files.length, 2), ...word(files.length, 2), ...word(table.length, 4), ...word(bytes.length, 4)]
  put(bytes, [...table, ...text('PK\x05\x06'), ...word(0, 4), ...sizes, ...word(0, 2)])
  return Uint8Array.from(bytes)
}

/** Pieces of a pickle of protocol 2. */
export const string = (value: string): number[] => [0x58, ...word(value.length, 4), ...text(value)]
export const int = (value: number): number[] => [0x4a, ...word(value >>> 0, 4)]
export const tuple = (...items: number[][]): number[] => [0x28, ...items.flat(), 0x74]
export const name = (module: string, own: string): number[] => text(`c${module}\n${own}\n`)

/** Where a tensor's values lie; by default the four of storage 0. */
interface Place {
  offset?: number
  count?: number
  key?: string
  storage?: string
}

/** A tensor in a pickle, as torch.save writes it. */
export function tensor(shape: readonly number[], strides: readonly number[], place: Place = {}): number[] {
  const { offset = 0, count = 4, key = '0', storage = 'FloatStorage' } = place
  const id = tuple(string('storage'), name('torch', storage), string(key), string('cpu'), int(count))
  const layout = [int(offset), tuple(...shape.map(int)), tuple(...strides.map(int))]
  return [...name('torch._utils', '_rebuild_tensor_v2'), ...tuple([...id, 0x51], ...layout, [0x89], [0x7d]), 0x52]
}

/** A file of torch.save with one tensor: float32 values, or int64 for grids. */
export function torchFile({ data, shape }: { data: Float32Array; shape: readonly number[] }, type: 'float32' | 'int64' = 'float32') {
  const isWhole = type === 'int64'
  const body = new Uint8Array(isWhole ? BigInt64Array.from(data, (value) => BigInt(value)).buffer : Float32Array.from(data).buffer)
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((product, size) => product * size, 1))
  const value = tensor(shape, strides, { count: data.length, storage: isWhole ? 'LongStorage' : 'FloatStorage' })
  return zip([
    { name: 'archive/data.pkl', body: [0x80, 2, ...value, 0x2e] },
    { name: 'archive/byteorder', body: text('little') },
    { name: 'archive/data/0', body: [...body] },
  ])
}
