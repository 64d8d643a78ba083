import code from '../../shaders/grid-positions.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import { foldWorkgroups } from './lib/fold-workgroups.ts'

const kernel = defineKernel({
  name: 'grid-positions',
  code: [code],
  buffers: ['x', 'table', 'out'],
  params: { rows: 'u32', half_quads: 'u32', columns: 'u32', cells: 'u32' },
})

/** Threads of a workgroup; each makes four values. */
const THREADS = 64

/**
 * Adds to the cells of equal grids their positions: to the first half of a row the table's row for the cell's column, to the second the
 * one for its row. x: f32 [grids · rows · columns, width], table: f32 [at least max(rows, columns), width / 2]; 8 divides width.
 * Result: f32 like x. Errors: x is no whole number of grids; the table is too short.
 */
export function gridPositions(step: Step, x: Tensor, table: Tensor, [rows, columns]: readonly [rows: number, columns: number]): Tensor {
  const [count, width] = matrixShape('gridPositions x', x)
  const [places] = matrixShape('gridPositions table', table)
  if (width % 8 !== 0) throw new Error(`gridPositions has rows of ${width} values, which 8 does not divide`)
  expectShape('gridPositions table', table, [places, width / 2])
  if (places < Math.max(rows, columns)) throw new Error(`gridPositions has ${places} positions for a grid of ${rows} × ${columns}`)
  if (count % (rows * columns) !== 0) throw new Error(`gridPositions has ${count} rows, which are no whole grids of ${rows} × ${columns}`)
  const out = step.scratch('f32', [count, width])
  step.dispatch(kernel, {
    buffers: [x, table, out],
    params: { rows: count, half_quads: width / 8, columns, cells: rows * columns },
    workgroups: foldWorkgroups(Math.ceil((count * width) / 4 / THREADS)),
  })
  return out
}
