import code from '../../shaders/argmax-chunks.wgsl'
import reduce from '../../shaders/lib/workgroup-reduce.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { matrixShape, type Tensor } from '../gpu/tensor.ts'
import { reduceConstants } from './lib/reduce-threads.ts'

/** Columns per workgroup: enough for a few loads per thread, few enough that a large vocabulary spreads over the GPU. */
const CHUNK = 4096

const kernel = defineKernel({
  name: 'argmax-chunks',
  code: [reduce, code],
  buffers: ['logits', 'best_values', 'best_indices'],
  params: { vocabulary: 'u32' },
})

/** First half of an arg-max. logits: f32 [rows, vocabulary]. Gives values f32 and indices u32, both [rows, chunks]. */
export function argmaxChunks(step: Step, logits: Tensor): { values: Tensor; indices: Tensor } {
  const [rows, vocabulary] = matrixShape('argmaxChunks logits', logits)
  const chunks = Math.ceil(vocabulary / CHUNK)
  const values = step.scratch('f32', [rows, chunks])
  const indices = step.scratch('u32', [rows, chunks])
  step.dispatch(kernel, {
    buffers: [logits, values, indices],
    params: { vocabulary },
    constants: { ...reduceConstants(step), CHUNK },
    workgroups: [chunks, rows],
  })
  return { values, indices }
}
