import { describe, expect, it } from 'vitest'
import { batchHead } from '../../src/kernels/batch-head.ts'
import { takesSkinny } from '../../src/kernels/lib/skinny-code.ts'
import { BATCH_TILES, BATCH_VARIANT, type BatchShape, smallBatches } from '../support/batch-case.ts'
import { testGpu } from '../support/gpu.ts'
import { headError } from '../support/head-case.ts'

const SHAPES: BatchShape[] = [
  ...smallBatches(32),
  // Tiles past the end, tokens past the end, and some of Qwen2-VL-2B's rows.
  { format: 'q8', tokens: 19, rows: 160, cols: 640 },
  { format: 'q8', tokens: 16, rows: 1056, cols: 1536 },
]

describe('batch-head', () => {
  for (const shape of SHAPES) {
    const { format, tokens, rows, cols } = shape
    it(`equals the sum of products with the norm, ${format}, ${tokens} × ${cols} → ${rows}`, async ({ skip }) => {
      if (!takesSkinny(shape, (await testGpu()).abilities)) return skip('no subgroup matrices')
      for (const tile of BATCH_TILES) {
        const worst = await headError({ ...shape, layout: 'f16', parts: 19, epsilon: 1e-6 }, BATCH_VARIANT, (step, input, weight) =>
          batchHead(step, input, weight, tile),
        )
        expect(worst, JSON.stringify(tile)).toBeLessThan(1)
      }
    })
  }
})
