import { describe, expect, it } from 'vitest'
import { gridPositions } from '../../src/kernels/grid-positions.ts'
import { gridPositions as reference } from '../reference/grid-positions.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

// A sum of two values below 1 is rounded once.
const TOLERANCE = 2 ** -23

// One cell; fewer values than threads; several grids; MiniCPM-V's width.
const SHAPES: { grids: number; rows: number; columns: number; width: number; places: number }[] = [
  { grids: 1, rows: 1, columns: 1, width: 8, places: 1 },
  { grids: 1, rows: 2, columns: 3, width: 16, places: 5 },
  { grids: 3, rows: 5, columns: 2, width: 40, places: 5 },
  { grids: 2, rows: 3, columns: 4, width: 3584, places: 70 },
]

describe('grid-positions', () => {
  for (const shape of SHAPES) {
    const { grids, rows, columns, width, places } = shape
    it(`adds positions to ${grids} grids of ${rows} × ${columns}, ${width} wide`, async () => {
      const gpu = await testGpu()
      const count = grids * rows * columns
      const x = randomFloats(1, count * width)
      const table = randomFloats(2, (places * width) / 2)
      const [out] = await runOnce(gpu, (step) => [
        gridPositions(step, upload(gpu, 'f32', [count, width], x), upload(gpu, 'f32', [places, width / 2], table), [rows, columns]),
      ])
      expect(maxError(out ?? [], reference(x, table, shape))).toBeLessThanOrEqual(TOLERANCE)
    })
  }

  it('refuses a table that ends before the grid, and parts of a grid', async () => {
    const gpu = await testGpu()
    const x = upload(gpu, 'f32', [6, 8], new Float32Array(48))
    const table = upload(gpu, 'f32', [2, 4], new Float32Array(8))
    await expect(runOnce(gpu, (step) => [gridPositions(step, x, table, [2, 3])])).rejects.toThrow('2 positions')
    await expect(runOnce(gpu, (step) => [gridPositions(step, x, table, [2, 2])])).rejects.toThrow('6 rows')
  })
})
