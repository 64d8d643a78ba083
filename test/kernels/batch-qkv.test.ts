import { describe, it } from 'vitest'
import { batchQkv } from '../../src/kernels/batch-qkv.ts'
import { takesSkinny } from '../../src/kernels/lib/skinny-code.ts'
import { BATCH_VARIANT, type BatchShape } from '../support/batch-case.ts'
import { testGpu } from '../support/gpu.ts'
import { expectQkv, type QkvCase } from '../support/qkv-case.ts'

const SHAPES: (Omit<QkvCase, 'format' | 'pages' | 'layout'> & Pick<BatchShape, 'format'>)[] = [
  { format: 'f16', cached: [14], heads: 3, kvHeads: 1, headDim: 32, cols: 128, bias: true },
  { format: 'q8', cached: [16, 5, 70], heads: 4, kvHeads: 2, headDim: 64, cols: 256, bias: true },
  { format: 'q4', cached: Array.from({ length: 17 }, (_, i) => 3 * i), heads: 2, kvHeads: 2, headDim: 96, cols: 640 },
  // Qwen2-VL-2B, of which fewer heads.
  { format: 'q4', cached: [100, 3], heads: 3, kvHeads: 1, headDim: 128, cols: 1536, bias: true },
]

describe('batch-qkv', () => {
  for (const shape of SHAPES) {
    const { format, cached, heads, kvHeads, headDim, cols } = shape
    it(`turns queries and writes pages, ${format}, ${cached.length} × ${cols} → ${heads}/${kvHeads} heads of ${headDim}`, async ({
      skip,
    }) => {
      if (!takesSkinny({ format, rows: 32, cols }, (await testGpu()).abilities)) return skip('no subgroup matrices')
      for (const splits of [1, 4, 6]) {
        await expectQkv({ ...shape, pages: 'f16', layout: 'f16' }, BATCH_VARIANT, (step, input, weight, to) =>
          batchQkv(step, input, weight, to, { tiles: 2, splits }),
        )
      }
    })
  }
})
