import { MODEL } from './golden-model.ts'

const NAMES = [
  'chat_template.json',
  'config.json',
  'generation_config.json',
  'model-00001-of-00002.safetensors',
  'model-00002-of-00002.safetensors',
  'model.safetensors.index.json',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
]

/** A tensor as a safetensors header writes it. */
export interface HeaderEntry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

export type Header = Record<string, HeaderEntry>

const original = new Map<string, Blob>(
  await Promise.all(NAMES.map(async (name) => [name, await (await fetch(`${MODEL}/${name}`)).blob()] as const)),
)

/** The golden checkpoint as files in memory, any of which can be changed or taken away before a model is made of them. */
export class ModelFiles {
  readonly #files = new Map<string, BlobPart>(original)

  put(name: string, content: BlobPart): this {
    this.#files.set(name, content)
    return this
  }

  remove(...names: string[]): this {
    for (const name of names) this.#files.delete(name)
    return this
  }

  async text(name: string): Promise<string> {
    return new Blob([this.#files.get(name) ?? '']).text()
  }

  async bytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await new Blob([this.#files.get(name) ?? '']).arrayBuffer())
  }

  /** Changes a JSON file in place. */
  async json<T extends object>(name: string, change: (value: T) => void): Promise<this> {
    const value = JSON.parse(await this.text(name))
    change(value)
    return this.put(name, JSON.stringify(value))
  }

  /** Changes the header of a safetensors file; its data stay as they are. */
  async header(name: string, change: (header: Header) => void): Promise<this> {
    const bytes = await this.bytes(name)
    const begin = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true))
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, begin)))
    change(header)
    return this.put(name, safetensors(header, bytes.slice(begin)))
  }

  /** Writes one value of a bf16 tensor, given as its 16 bits. */
  async element(name: string, tensor: string, index: number, bits: number): Promise<this> {
    const bytes = await this.bytes(name)
    const view = new DataView(bytes.buffer)
    const begin = 8 + Number(view.getBigUint64(0, true))
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, begin))) as Header
    view.setUint16(begin + (header[tensor]?.data_offsets[0] ?? Number.NaN) + 2 * index, bits, true)
    return this.put(name, bytes)
  }

  get files(): File[] {
    return Array.from(this.#files, ([name, content]) => new File([content], name))
  }
}

/** A safetensors file of this header and these data. */
export function safetensors(header: object | string | Uint8Array<ArrayBuffer>, data: BlobPart = '', length?: bigint): Blob {
  const text =
    header instanceof Uint8Array ? header : new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const size = new DataView(new ArrayBuffer(8))
  size.setBigUint64(0, length ?? BigInt(text.length), true)
  return new Blob([size, text, data])
}
