import { describe, expect, it } from 'vitest'
import { type RowWindows, unfoldRows } from '../../src/kernels/unfold-rows.ts'
import { unfoldRowsReference } from '../reference/unfold-rows.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

// One row; fewer values than threads; a last window past the end; Whisper-small's two convolutions; Ultravox's stacks of 8 frames.
const cases: (RowWindows & { rows: number; width: number })[] = [
  { rows: 1, width: 4, window: 3, stride: 1, padding: 1, count: 1, channelFirst: true },
  { rows: 2, width: 3, window: 2, stride: 2, padding: 0, count: 1 },
  { rows: 11, width: 5, window: 4, stride: 4, padding: 0, count: 3 },
  { rows: 131, width: 80, window: 3, stride: 1, padding: 1, count: 131, channelFirst: true },
  { rows: 131, width: 768, window: 3, stride: 2, padding: 1, count: 66, channelFirst: true },
  { rows: 66, width: 768, window: 8, stride: 8, padding: 0, count: 9 },
]

describe('unfold-rows', () => {
  for (const { rows, width, ...windows } of cases) {
    it(`puts rows side by side, ${windows.count} windows of ${windows.window} over ${rows} × ${width}`, async () => {
      const gpu = await testGpu()
      const x = randomFloats(1, rows * width)
      const [actual = []] = await runOnce(gpu, (step) => [unfoldRows(step, upload(gpu, 'f32', [rows, width], x), windows)])
      // A copy.
      expect(maxError(actual, unfoldRowsReference(x, rows, width, windows))).toBe(0)
    })
  }
})
