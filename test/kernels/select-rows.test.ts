import { describe, expect, it } from 'vitest'
import { selectRows } from '../../src/layers/embedding.ts'
import { selectRowsReference } from '../reference/select-rows.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

// One row; fewer values than threads; no multiple of them; Qwen2-VL-2B's hidden size.
const cases = [
  { rows: 1, cols: 4, index: [0] },
  { rows: 5, cols: 12, index: [4, 0, 4] },
  { rows: 11, cols: 260, index: [10, 9, 1] },
  { rows: 70, cols: 1536, index: [69] },
]

describe('select-rows', () => {
  for (const { rows, cols, index } of cases) {
    it(`copies rows ${index} of ${rows} × ${cols}`, async () => {
      const gpu = await testGpu()
      const x = randomFloats(1, rows * cols)
      const [actual = []] = await runOnce(gpu, (step) => {
        return [selectRows(step, upload(gpu, 'f32', [rows, cols], x), upload(gpu, 'u32', [index.length], index))]
      })
      expect(maxError(actual, selectRowsReference(x, index, cols))).toBe(0)
    })
  }
})
