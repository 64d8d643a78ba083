/** A tensor to be kept in converted form. */
export interface BlockTensor {
  readonly name: string
  /** Bytes in the checkpoint, and of the rows that are never cut apart. */
  readonly bytes: number
  readonly rowBytes: number
  /** Bytes that so many become. */
  readonly rowData: number
  readonly rowScales: number
}

/** Some whole rows of a tensor: bytes [offset, offset + length) of it in the checkpoint, and where they lie in a block once converted. */
export interface Piece {
  readonly name: string
  readonly offset: number
  readonly length: number
  /** Byte offset in the block: data first, then scales. */
  readonly at: number
  readonly data: number
  readonly scales: number
  readonly block: number
}

/** Pieces that are kept, summed and read together. */
export interface Block {
  readonly bytes: number
  readonly pieces: readonly Piece[]
}

/** Blocks are closed when they have reached this: large reads, and no more than this is lost when a browser ends. */
export const BLOCK_BYTES = 1 << 24

/**
 * Cuts tensors, in this order, into pieces of `chunkBytes` of the checkpoint at most (unless a row is longer) and gathers these to blocks.
 * It is the same each time, so where things lie on the disk need not be written down. Pieces are cut as streaming cuts them.
 */
export function planBlocks(tensors: readonly BlockTensor[], chunkBytes: number, blockBytes = BLOCK_BYTES): Block[] {
  const blocks: { bytes: number; pieces: Piece[] }[] = []
  for (const { name, bytes, rowBytes, rowData, rowScales } of tensors) {
    const step = Math.max(Math.floor(chunkBytes / rowBytes), 1) * rowBytes
    for (let offset = 0; offset < bytes; offset += step) {
      const length = Math.min(step, bytes - offset)
      // The last rows may be fewer than go together elsewhere.
      const [data, scales] = [(length / rowBytes) * rowData, (length / rowBytes) * rowScales]
      let block = blocks.at(-1)
      if (!block || block.bytes >= blockBytes) blocks.push((block = { bytes: 0, pieces: [] }))
      block.pieces.push({ name, offset, length, at: block.bytes, data, scales, block: blocks.length - 1 })
      block.bytes += data + scales
    }
  }
  return blocks
}

/** Bytes [begin, end) of each tensor that hold all its pieces in these blocks. */
export function rangesOf(blocks: readonly Block[], wanted: readonly number[]): Map<string, { begin: number; end: number }> {
  const ranges = new Map<string, { begin: number; end: number }>()
  for (const { name, offset, length } of wanted.flatMap((block) => blocks[block]?.pieces ?? [])) {
    const range = ranges.get(name)
    if (range) Object.assign(range, { begin: Math.min(range.begin, offset), end: Math.max(range.end, offset + length) })
    else ranges.set(name, { begin: offset, end: offset + length })
  }
  return ranges
}
