import code from '../../shaders/rope.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'

const kernel = defineKernel({
  name: 'rope',
  code: [code],
  buffers: ['x', 'positions', 'cosines', 'sines', 'out'],
  params: { rows: 'u32', width: 'u32' },
})

/** Which frequencies take the temporal, height and width position, in this order; they sum to headDim / 2. */
export type RopeSections = readonly [number, number, number]

/** Heads that turn, from the first column on, and the tables of their angles: f32 [table rows, headDim / 2]. */
export interface RopeHeads {
  readonly heads: number
  readonly headDim: number
  readonly cos: Tensor
  readonly sin: Tensor
}

/**
 * Turns the first heads of each row by its position. x: f32 [rows, at least heads · headDim]; positions: i32 [3, rows], within the
 * tables. Gives f32 [rows, heads · headDim]. Ordinary rotary positions have sections [headDim / 2, 0, 0].
 */
export function rope(step: Step, x: Tensor, positions: Tensor, options: RopeHeads & { sections: RopeSections }): Tensor {
  const [rows] = matrixShape('rope x', x)
  expectShape('rope positions', positions, [3, rows])
  const [temporal, height, width] = options.sections
  if (temporal + height + width !== options.headDim / 2) {
    throw new Error(`rope sections [${options.sections}] do not sum to half of headDim ${options.headDim}`)
  }
  return rotate(step, x, positions, options, { FIRST_END: temporal, SECOND_END: temporal + height, OWN_ANGLES: 0 })
}

/** The same with angles of each row's own: row i of x turns by row i of the tables. */
export function ropeByRow(step: Step, x: Tensor, options: RopeHeads): Tensor {
  const [rows] = matrixShape('ropeByRow x', x)
  expectShape('ropeByRow cos', options.cos, [rows, options.headDim / 2])
  return rotate(step, x, step.none, options, { OWN_ANGLES: 1 })
}

function rotate(step: Step, x: Tensor, positions: Tensor, options: RopeHeads, angles: Readonly<Record<string, number>>): Tensor {
  const { heads, headDim, cos, sin } = options
  const [rows, width] = matrixShape('rope x', x)
  if (width < heads * headDim) throw new Error(`rope x has ${width} columns, too few for ${heads} heads of ${headDim}`)
  const [tableRows] = matrixShape('rope cos', cos)
  expectShape('rope cos', cos, [tableRows, headDim / 2])
  expectShape('rope sin', sin, cos.shape)
  const out = step.scratch('f32', [rows, heads * headDim])
  step.dispatch(kernel, {
    buffers: [x, positions, cos, sin, out],
    params: { rows, width },
    constants: { HEADS: heads, HEAD_DIM: headDim, ...angles },
    workgroups: [Math.ceil((heads * headDim) / 2 / 64), Math.ceil(rows / 4)],
  })
  return out
}
