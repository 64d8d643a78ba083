import code from '../../shaders/class-token.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import { foldWorkgroups } from './lib/fold-workgroups.ts'

const kernel = defineKernel({
  name: 'class-token',
  code: [code],
  buffers: ['x', 'class_token', 'positions', 'output'],
  params: { rows: 'u32', patches: 'u32', quads: 'u32' },
})

/**
 * Puts a class token before each picture's patches and adds positions. x: f32 [pictures · patches, width]; token: f32 [width];
 * positions: f32 [patches + 1, width], the class token's first. Gives f32 [pictures · (patches + 1), width]; 4 divides width.
 */
export function classToken(step: Step, x: Tensor, token: Tensor, positions: Tensor): Tensor {
  const [inputs, width] = matrixShape('classToken x', x)
  const [places] = matrixShape('classToken positions', positions)
  const patches = places - 1
  expectShape('classToken token', token, [width])
  expectShape('classToken positions', positions, [places, width])
  if (width % 4 !== 0) throw new Error(`classToken has rows of ${width} values, which 4 does not divide`)
  if (inputs % patches !== 0) throw new Error(`classToken has ${inputs} rows, which are no whole pictures of ${patches}`)
  const rows = (inputs / patches) * places
  const output = step.scratch('f32', [rows, width])
  const quads = width / 4
  step.dispatch(kernel, {
    buffers: [x, token, positions, output],
    params: { rows, patches, quads },
    workgroups: foldWorkgroups(Math.ceil((rows * quads) / 64)),
  })
  return output
}
