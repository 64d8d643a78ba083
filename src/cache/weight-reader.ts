import { sha256Hex } from '../util/sha256.ts'
import { openForReading, type PartReader } from './sync-file.ts'
import { readIndex } from './weight-index.ts'

/** Takes a block's bytes, which are valid until it returns or, if it gives a promise, until that resolves. */
export type TakeBlock = (block: number, bytes: Uint8Array<ArrayBuffer>) => Promise<void> | void

/** Blocks whose sums are being worked out while the next ones are read. */
const SUMS_AHEAD = 3

/**
 * Reads those of the wanted blocks that an entry has, in order, and gives the others. A block is handed over before its sum is known; one
 * whose sum turns out wrong is among the others, and what was made of it is to be replaced. Storage that fails counts as blocks that are not
 * there. Errors: those of `take`; the signal's reason.
 */
export async function readBlocks(
  folder: FileSystemDirectoryHandle | undefined,
  sizes: readonly number[],
  wanted: readonly number[],
  take: TakeBlock,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const index = folder && (await readIndex(folder).catch(() => undefined))
  if (!folder || !index || index.header.sizes.join() !== sizes.join()) return [...wanted]
  const reader = await openForReading(folder, 'data').catch(() => undefined)
  if (!reader) return [...wanted]
  const missing = new Set(wanted)
  const sums: Promise<void>[] = []
  try {
    for (const { block, at, size } of places(sizes)) {
      const sum = index.blocks.get(block)
      if (sum === undefined || !missing.has(block)) continue
      signal?.throwIfAborted()
      const bytes = await readPart(reader, at, size)
      if (!bytes) continue
      missing.delete(block)
      // The bytes are copied at the call.
      const checked = sha256Hex(bytes).then((found) => {
        if (found !== sum) missing.add(block)
      })
      sums.push(checked)
      await take(block, bytes)
      if (sums.length >= SUMS_AHEAD) await sums.shift()
    }
  } finally {
    await Promise.all(sums)
    reader.close()
  }
  return [...missing].sort((a, b) => a - b)
}

function* places(sizes: readonly number[]): Generator<{ block: number; at: number; size: number }> {
  let at = 0
  for (const [block, size] of sizes.entries()) {
    yield { block, at, size }
    at += size
  }
}

/** Undefined where the file is too short or cannot be read. */
async function readPart(reader: PartReader, at: number, size: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    const bytes = await reader.read(at, size)
    return bytes.length === size ? bytes : undefined
  } catch {
    return undefined
  }
}
