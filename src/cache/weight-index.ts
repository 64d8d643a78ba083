import { readWhole } from './sync-file.ts'

/** The index's first line. */
export interface WeightHeader {
  readonly version: 1
  /** The model as it was named. */
  readonly model: string
  /** How it is stored, in words: 'float16, q4'. */
  readonly recipe: string
  /** Bytes of each block; they lie one after the other in the data file. */
  readonly sizes: readonly number[]
  /** Milliseconds since 1970. */
  readonly created: number
}

/** What the index file of an entry says. */
export interface WeightIndex {
  readonly header: WeightHeader
  /** Blocks that have been written, with their SHA-256. */
  readonly blocks: ReadonlyMap<number, string>
  /** Bytes of the file up to the end of its last whole line. */
  readonly length: number
}

/**
 * Reads an index: JSON lines, the header first, then one for each block that lies on the disk; of two for one block the later counts. What
 * follows the last whole line was being written when the browser ended. Undefined if there is no header. Errors: those of the storage.
 */
export async function readIndex(folder: FileSystemDirectoryHandle): Promise<WeightIndex | undefined> {
  const bytes = await readWhole(folder, 'index')
  const [first, ...rest] = new TextDecoder().decode(bytes.subarray(0, bytes.lastIndexOf(10) + 1)).split('\n')
  const header = parse(first)
  if (!isHeader(header)) return undefined
  const blocks = new Map<number, string>()
  for (const line of rest) {
    const { block, sha256 } = (parse(line) ?? {}) as { block?: unknown; sha256?: unknown }
    if (typeof block === 'number' && block in header.sizes && typeof sha256 === 'string') blocks.set(block, sha256)
  }
  return { header, blocks, length: bytes.lastIndexOf(10) + 1 }
}

export const headerLine = (header: WeightHeader): Uint8Array<ArrayBuffer> => encode(header)

export const blockLine = (block: number, sha256: string): Uint8Array<ArrayBuffer> => encode({ block, sha256 })

export const sumOf = (sizes: readonly number[]): number => sizes.reduce((sum, size) => sum + size, 0)

const encode = (value: object): Uint8Array<ArrayBuffer> => new TextEncoder().encode(`${JSON.stringify(value)}\n`)

function parse(line: string | undefined): unknown {
  try {
    return JSON.parse(line ?? '')
  } catch {
    return undefined
  }
}

function isHeader(value: unknown): value is WeightHeader {
  const { version, sizes, model, recipe, created } = (value ?? {}) as Partial<Record<keyof WeightHeader, unknown>>
  const named = typeof model === 'string' && typeof recipe === 'string' && typeof created === 'number'
  return version === 1 && named && Array.isArray(sizes) && sizes.every((size) => Number.isSafeInteger(size) && size > 0)
}
