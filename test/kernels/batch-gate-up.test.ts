import { describe, expect, it } from 'vitest'
import { batchGateUp } from '../../src/kernels/batch-gate-up.ts'
import { takesSkinny } from '../../src/kernels/lib/skinny-code.ts'
import { BATCH_LAYOUT, BATCH_VARIANT, type BatchShape, smallBatches } from '../support/batch-case.ts'
import { gateUpError } from '../support/gate-up-case.ts'
import { testGpu } from '../support/gpu.ts'

// Rows are the output's; the weight has twice as many.
const SHAPES: BatchShape[] = [
  ...smallBatches(16),
  { format: 'q4', tokens: 16, rows: 64, cols: 512 },
  { format: 'q4', tokens: 19, rows: 32, cols: 640 },
  // Some of Qwen2-VL-2B's.
  { format: 'q4', tokens: 16, rows: 160, cols: 1536 },
]

describe('batch-gate-up', () => {
  for (const shape of SHAPES) {
    const { format, tokens, rows, cols } = shape
    it(`gates the product with the norm, ${format}, ${tokens} × ${cols} → 2 · ${rows}`, async ({ skip }) => {
      if (!takesSkinny({ format, rows: 2 * rows, cols }, (await testGpu()).abilities)) return skip('no subgroup matrices')
      for (const splits of [1, 4, 6]) {
        const worst = await gateUpError({ ...shape, ...BATCH_LAYOUT }, BATCH_VARIANT, (step, input, weight) =>
          batchGateUp(step, input, weight, { tiles: 2, splits }),
        )
        expect(worst, `${splits} subgroups`).toBeLessThan(1)
      }
    })
  }
})
