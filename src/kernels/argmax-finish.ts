import code from '../../shaders/argmax-finish.wgsl'
import reduce from '../../shaders/lib/workgroup-reduce.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import { reduceConstants } from './lib/reduce-threads.ts'

const kernel = defineKernel({
  name: 'argmax-finish',
  code: [reduce, code],
  buffers: ['best_values', 'best_indices', 'tokens'],
  params: { chunks: 'u32' },
})

/** Second half of an arg-max. values f32, indices u32: [rows, chunks]. Gives u32 [rows]; 0xffffffff where a value was not finite. */
export function argmaxFinish(step: Step, values: Tensor, indices: Tensor): Tensor {
  const [rows, chunks] = matrixShape('argmaxFinish values', values)
  expectShape('argmaxFinish indices', indices, [rows, chunks])
  const tokens = step.scratch('u32', [rows])
  step.dispatch(kernel, { buffers: [values, indices, tokens], params: { chunks }, constants: reduceConstants(step), workgroups: [rows] })
  return tokens
}
