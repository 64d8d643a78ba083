import { describe, expect, it } from 'vitest'
import { selfAttention } from '../../src/layers/attention.ts'
import type { Batch } from '../../src/layers/batch.ts'
import { visionAttention } from '../../src/layers/vision-attention.ts'
import { inverseFrequencies, ropeTable } from '../../src/util/rope-table.ts'
import { kvWrite as writeReference } from '../reference/kv-write.ts'
import { pagedAttention as attentionReference } from '../reference/paged-attention.ts'
import { rope as ropeReference } from '../reference/rope.ts'
import { visionAttention as visionReference } from '../reference/vision-attention.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { pagedBatch, randomPages, type SequenceTokens, uploadBatch } from '../support/paged-batch.ts'
import { randomFloats, randomInts } from '../support/random.ts'

const HEADS = { heads: 6, kvHeads: 2, headDim: 64 }
const MAX_POS = 500

// f32 pages: the bound of the attention kernels, and rotation adds a rounding to q and k. Float16 pages take new keys and values with an
// error of up to 2^-10 of sizes up to 2: a score of 64 products moves by 7e-4 (root mean square), four times that at the extreme, of
// which averaging over keys leaves less than half, and a value by up to 1e-3.
const TOLERANCE = { f32: 2e-5, f16: 3e-3 }

const BATCHES: { name: string; sequences: SequenceTokens[]; kvSplits: number }[] = [
  { name: 'a prompt', sequences: [[0, 37]], kvSplits: 1 },
  {
    name: 'a chunk of a prompt beside single tokens',
    sequences: [
      [20, 18],
      [70, 1],
      [0, 1],
    ],
    kvSplits: 3,
  },
  {
    name: 'a single token of each sequence',
    sequences: [
      [20, 1],
      [170, 1],
      [0, 1],
    ],
    kvSplits: 3,
  },
  { name: 'a single token in one split', sequences: [[40, 1]], kvSplits: 1 },
]

describe('selfAttention', () => {
  for (const dtype of ['f32', 'f16'] as const) {
    for (const { name, sequences, kvSplits } of BATCHES) {
      it(`rotates, writes and attends: ${name}, ${dtype} pages`, async () => {
        const gpu = await testGpu()
        const { heads, kvHeads, headDim } = HEADS
        const paged = pagedBatch(sequences, 1)
        const { tokens } = paged
        const qkv = randomFloats(1, tokens * (heads + 2 * kvHeads) * headDim, -2, 2)
        const positions = randomInts(2, 3 * tokens, MAX_POS)
        const { cos, sin } = ropeTable(inverseFrequencies(headDim, 1e4), MAX_POS)
        const pages = { k: randomPages(paged, kvHeads, headDim, dtype, 3), v: randomPages(paged, kvHeads, headDim, dtype, 4) }
        const [out] = await runOnce(gpu, (step) => {
          const table = [MAX_POS, headDim / 2]
          const shape = [paged.blocks, kvHeads, 16, headDim]
          const kv = { k: upload(gpu, dtype, shape, pages.k), v: upload(gpu, dtype, shape, pages.v) }
          const batch: Batch = {
            ...uploadBatch(gpu, paged),
            tokens,
            sequences: sequences.length,
            sampleRows: 0,
            decode: false,
            kvSplits,
            positions: upload(gpu, 'i32', [3, tokens], positions),
            tokenIds: step.none,
            mediaRows: step.none,
            media: step.none,
            sampleIndex: step.none,
            kv: [kv],
          }
          const tables = { cos: upload(gpu, 'f32', table, cos), sin: upload(gpu, 'f32', table, sin) }
          const fused = upload(gpu, 'f32', [tokens, (heads + 2 * kvHeads) * headDim], qkv)
          return [selfAttention(step, fused, kv, batch, { ...HEADS, sections: [8, 12, 12], ...tables })]
        })
        const stream = (j: number) => (j < 8 ? 0 : j < 20 ? 1 : 2)
        const rows = { rows: tokens, width: (heads + 2 * kvHeads) * headDim, heads: heads + kvHeads, headDim }
        const roped = ropeReference(qkv, rows, cos, sin, (t, j) => positions[stream(j) * tokens + t] as number)
        const written = writeReference(roped, qkv, pages, paged, HEADS)
        expect(maxError(out ?? [], attentionReference(roped, written, paged, HEADS))).toBeLessThan(TOLERANCE[dtype])
      })
    }
  }
})

describe('visionAttention', () => {
  it('rotates by angles of each row and attends within segments', async () => {
    const gpu = await testGpu()
    const shape = { rows: 48, heads: 2, headDim: 80, segment: 24 }
    const { rows, heads, headDim } = shape
    const qkv = randomFloats(1, rows * 3 * heads * headDim, -2, 2)
    const angles = randomFloats(2, (rows * headDim) / 2, -20, 20)
    const [cos, sin] = [angles.map(Math.cos), angles.map(Math.sin)]
    const [out] = await runOnce(gpu, (step) => {
      const tables = { cos: upload(gpu, 'f32', [rows, headDim / 2], cos), sin: upload(gpu, 'f32', [rows, headDim / 2], sin) }
      return [visionAttention(step, upload(gpu, 'f32', [rows, 3 * heads * headDim], qkv), { ...shape, ...tables })]
    })
    const roped = ropeReference(qkv, { rows, width: 3 * heads * headDim, heads: 2 * heads, headDim }, cos, sin, (t) => t)
    expect(maxError(out ?? [], visionReference(roped, qkv, shape))).toBeLessThan(TOLERANCE.f32)
  })
})
