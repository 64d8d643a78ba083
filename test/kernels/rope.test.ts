import { describe, expect, it } from 'vitest'
import { type RopeSections, rope, ropeByRow } from '../../src/kernels/rope.ts'
import { inverseFrequencies, ropeTable } from '../../src/util/rope-table.ts'
import { rope as reference } from '../reference/rope.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats, randomInts } from '../support/random.ts'

// Two products of numbers below 1 and 1, and a sum: three roundings of at most 2^-24 each, and the tables are the same on both sides.
const TOLERANCE = 2 ** -22

interface Shape {
  rows: number
  heads: number
  /** Columns of x beyond the heads that turn. */
  rest: number
  headDim: number
  sections: RopeSections
}

const SHAPES: Shape[] = [
  { rows: 1, heads: 1, rest: 0, headDim: 4, sections: [2, 0, 0] },
  { rows: 3, heads: 6, rest: 32, headDim: 16, sections: [2, 3, 3] },
  { rows: 7, heads: 3, rest: 72, headDim: 72, sections: [36, 0, 0] },
  { rows: 21, heads: 14, rest: 256, headDim: 128, sections: [16, 24, 24] },
]

describe('rope', () => {
  for (const { rows, heads, rest, headDim, sections } of SHAPES) {
    it(`turns ${heads} heads of ${headDim} in ${rows} rows, sections ${sections.join(' ')}`, async () => {
      const gpu = await testGpu()
      const half = headDim / 2
      const width = heads * headDim + rest
      const maxPos = 50
      const x = randomFloats(1, rows * width)
      const positions = randomInts(2, 3 * rows, maxPos)
      const { cos, sin } = ropeTable(inverseFrequencies(headDim, 1e6), maxPos)
      const [out] = await runOnce(gpu, (step) => {
        const tables = { cos: upload(gpu, 'f32', [maxPos, half], cos), sin: upload(gpu, 'f32', [maxPos, half], sin) }
        const streams = upload(gpu, 'i32', [3, rows], positions)
        return [rope(step, upload(gpu, 'f32', [rows, width], x), streams, { heads, headDim, sections, ...tables })]
      })
      const stream = (j: number) => (j < sections[0] ? 0 : j < sections[0] + sections[1] ? 1 : 2)
      const expected = reference(x, { rows, width, heads, headDim }, cos, sin, (t, j) => positions[stream(j) * rows + t] as number)
      expect(maxError(out ?? [], expected)).toBeLessThan(TOLERANCE)
    })
  }

  for (const [rows, heads, headDim] of [
    [1, 2, 16],
    [30, 8, 64],
    [65, 32, 80],
  ] as const) {
    it(`turns ${rows} rows by angles of their own, ${heads} heads of ${headDim}`, async () => {
      const gpu = await testGpu()
      const width = (heads / 2) * 3 * headDim
      const x = randomFloats(3, rows * width)
      const angles = randomFloats(4, (rows * headDim) / 2, -100, 100)
      const cos = angles.map(Math.cos)
      const sin = angles.map(Math.sin)
      const [out] = await runOnce(gpu, (step) => {
        const shape = [rows, headDim / 2]
        const tables = { cos: upload(gpu, 'f32', shape, cos), sin: upload(gpu, 'f32', shape, sin) }
        return [ropeByRow(step, upload(gpu, 'f32', [rows, width], x), { heads, headDim, ...tables })]
      })
      const expected = reference(x, { rows, width, heads, headDim }, cos, sin, (t) => t)
      expect(maxError(out ?? [], expected)).toBeLessThan(TOLERANCE)
    })
  }
})
