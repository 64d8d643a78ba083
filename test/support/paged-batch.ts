import type { Gpu } from '../../src/gpu/device.ts'
import type { Tensor } from '../../src/gpu/tensor.ts'
import { BLOCK_SIZE, QUERY_TILE } from '../../src/layers/batch.ts'
import { decodeHalves, encodeHalves } from '../../src/util/half.ts'
import { upload } from './gpu.ts'
import { randomFloats, seededRandom } from './random.ts'

/** Tokens of one sequence: already in the cache, and new in this step. */
export type SequenceTokens = readonly [cached: number, added: number]

/** A made-up step over a paged cache: tokens on a flat axis, their places, and block tables whose pages lie in random order. */
export interface PagedBatch {
  readonly tokens: number
  readonly tokenSequence: Uint32Array
  readonly tokenSlot: Uint32Array
  readonly maxBlocks: number
  readonly blockTable: Uint32Array
  readonly blocks: number
  /** [tiles, 4], with unused tiles in between and at the end. */
  readonly tiles: Uint32Array
}

/** Lays sequences out. Rows of the block table are in reverse, so that no kernel can take a sequence's number for its row. */
export function pagedBatch(sequences: readonly SequenceTokens[], seed: number): PagedBatch {
  const total = sequences.map(([cached, added]) => Math.ceil((cached + added) / BLOCK_SIZE))
  const maxBlocks = Math.max(...total) + 1
  // Page 0 belongs to nobody: it stands where a table has nothing.
  const blocks = 1 + total.reduce((sum, count) => sum + count, 0)
  const pages = shuffled(blocks - 1, seed).map((page) => page + 1)
  const blockTable = new Uint32Array(sequences.length * maxBlocks)
  const tokenSequence: number[] = []
  const tokenSlot: number[] = []
  const tiles: number[] = []
  sequences.forEach(([cached, added], i) => {
    const row = sequences.length - 1 - i
    for (let block = 0; block < (total[i] ?? 0); block++) blockTable[row * maxBlocks + block] = pages.pop() ?? 0
    for (let begin = 0; begin < added; begin += QUERY_TILE) {
      tiles.push(tokenSlot.length + begin, Math.min(QUERY_TILE, added - begin), row, cached + begin)
    }
    tiles.push(0, 0, 0, 0)
    for (let slot = cached; slot < cached + added; slot++) {
      tokenSequence.push(row)
      tokenSlot.push(slot)
    }
  })
  return {
    tokens: tokenSlot.length,
    tokenSequence: Uint32Array.from(tokenSequence),
    tokenSlot: Uint32Array.from(tokenSlot),
    maxBlocks,
    blockTable,
    blocks,
    tiles: Uint32Array.from(tiles),
  }
}

function shuffled(count: number, seed: number): number[] {
  const random = seededRandom(seed)
  const order = Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const swapped = order[i] as number
    order[i] = order[j] as number
    order[j] = swapped
  }
  return order
}

/** The tensors of a batch. */
export function uploadBatch(gpu: Gpu, batch: PagedBatch): { tokenSequence: Tensor; tokenSlot: Tensor; blockTable: Tensor; tiles: Tensor } {
  return {
    tokenSequence: upload(gpu, 'u32', [batch.tokens], batch.tokenSequence),
    tokenSlot: upload(gpu, 'u32', [batch.tokens], batch.tokenSlot),
    blockTable: upload(gpu, 'u32', [batch.blockTable.length / batch.maxBlocks, batch.maxBlocks], batch.blockTable),
    tiles: upload(gpu, 'u32', [batch.tiles.length / 4, 4], batch.tiles),
  }
}

/**
 * Pages [blocks, kvHeads, 16, headDim] with random values where sequences have slots and NaN everywhere else, so that a kernel that
 * reads too far gives itself away. For f16 the values are float16 numbers.
 */
export function randomPages(batch: PagedBatch, kvHeads: number, headDim: number, dtype: 'f16' | 'f32', seed: number): Float32Array {
  const values = randomFloats(seed, batch.blocks * kvHeads * BLOCK_SIZE * headDim, -2, 2)
  const pages = new Float32Array(values.length).fill(Number.NaN)
  const rounded = dtype === 'f16' ? decodeHalves(encodeHalves(values)) : values
  batch.tokenSlot.forEach((last, token) => {
    for (let slot = 0; slot <= last; slot++) {
      const block = batch.blockTable[(batch.tokenSequence[token] ?? 0) * batch.maxBlocks + Math.floor(slot / BLOCK_SIZE)] ?? 0
      for (let head = 0; head < kvHeads; head++) {
        const at = ((block * kvHeads + head) * BLOCK_SIZE + (slot % BLOCK_SIZE)) * headDim
        pages.set(rounded.subarray(at, at + headDim), at)
      }
    }
  })
  return pages
}
