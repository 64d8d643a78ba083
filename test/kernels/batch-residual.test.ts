import { describe, it } from 'vitest'
import { batchResidual } from '../../src/kernels/batch-residual.ts'
import { takesSkinny } from '../../src/kernels/lib/skinny-code.ts'
import { BATCH_LAYOUT, BATCH_TILES, BATCH_VARIANT, type BatchShape, smallBatches } from '../support/batch-case.ts'
import { testGpu } from '../support/gpu.ts'
import { expectResidual } from '../support/residual-case.ts'

const SHAPES: BatchShape[] = [
  ...smallBatches(32),
  { format: 'q4', tokens: 16, rows: 160, cols: 512 },
  { format: 'q4', tokens: 19, rows: 32, cols: 640 },
  // Qwen2-VL-2B's second MLP matrix, of which fewer rows.
  { format: 'q4', tokens: 16, rows: 256, cols: 8960 },
]

describe('batch-residual', () => {
  for (const shape of SHAPES) {
    const { format, tokens, rows, cols } = shape
    it(`adds to the stream and prepares what follows, ${format}, ${tokens} × ${cols} → ${rows}`, async ({ skip }) => {
      if (!takesSkinny(shape, (await testGpu()).abilities)) return skip('no subgroup matrices')
      for (const tile of BATCH_TILES) {
        await expectResidual({ ...shape, ...BATCH_LAYOUT }, BATCH_VARIANT, (step, x, input, weight, norm) =>
          batchResidual(step, x, input, weight, norm, tile),
        )
      }
    })
  }
})
