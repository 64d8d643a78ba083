import type { Tensor } from '../gpu/tensor.ts'

/** Tokens per KV page. */
export const BLOCK_SIZE = 16

/** Query tokens per attention tile; tiles never cross a sequence. */
export const QUERY_TILE = 64

/** In Batch.mediaRows: this token's embedding comes from the vocabulary, not from media. */
export const NO_MEDIA_ROW = 0xffffffff

/** One layer's pages of keys and values, each [blocks, kvHeads, BLOCK_SIZE, headDim], f16 or f32. */
export interface KvLayer {
  readonly k: Tensor
  readonly v: Tensor
}

/**
 * What a step computes: tokens of all sequences on one flat axis, in sequence order. There is no prefill and no decode here: a
 * sequence may bring one token or many. Counts are fixed per recorded program; tensors are rewritten before each run.
 */
export interface Batch {
  /** T, the length of the flat token axis. */
  readonly tokens: number
  /** Sequences with at least one token; rows of blockTable in use. tokens === sequences when each brings exactly one. */
  readonly sequences: number
  /** Rows of hidden states that go through the head. */
  readonly sampleRows: number
  /** Every sequence brings one token and chooses the next: sampleIndex is 0…T−1. */
  readonly decode: boolean
  /** KV splits per sequence for the one-token-each case, chosen from the longest sequence. */
  readonly kvSplits: number
  /** u32 [T] vocabulary ids. */
  readonly tokenIds: Tensor
  /** i32 [3, T]: temporal, height, width rotary positions; equal streams for plain text. */
  readonly positions: Tensor
  /** u32 [T]: row of blockTable. */
  readonly tokenSequence: Tensor
  /** u32 [T]: the token's place in its sequence's cache; it attends to places 0…this. */
  readonly tokenSlot: Tensor
  /** u32 [maxSequences, maxBlocks] of page numbers. */
  readonly blockTable: Tensor
  /** u32 [tiles, 4]: first token on the flat axis, token count (0: unused tile), blockTable row, first token's slot. */
  readonly tiles: Tensor
  /** u32 [T]: row of `media` that replaces the embedding, or NO_MEDIA_ROW. */
  readonly mediaRows: Tensor
  /** f32 [capacity, hidden]: the encoder cache. */
  readonly media: Tensor
  /** u32 [sampleRows]: places on the flat token axis whose logits are wanted. */
  readonly sampleIndex: Tensor
  /** One per decoder layer. */
  readonly kv: readonly KvLayer[]
}
