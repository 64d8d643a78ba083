import reduce from '../../shaders/lib/workgroup-reduce.wgsl'
import code from '../../shaders/sample-token.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import { reduceConstants } from './lib/reduce-threads.ts'

const kernel = defineKernel({
  name: 'sample-token',
  code: [reduce, code],
  buffers: ['logits', 'sampling', 'seeds', 'output_index', 'tokens'],
  params: { vocabulary: 'u32' },
})

/**
 * Draws one token per row. logits: f32 [rows, vocabulary]; sampling: f32 [rows, 8] (temperature, top_p, top_k, min_p, …);
 * seeds: u32 [rows, 2]; outputIndex: u32 [rows]. Gives u32 [rows]; 0xffffffff where a logit was not finite.
 */
export function sampleToken(step: Step, logits: Tensor, sampling: Tensor, seeds: Tensor, outputIndex: Tensor): Tensor {
  const [rows, vocabulary] = matrixShape('sampleToken logits', logits)
  expectShape('sampleToken sampling', sampling, [rows, 8])
  expectShape('sampleToken seeds', seeds, [rows, 2])
  const tokens = step.scratch('u32', [rows])
  step.dispatch(kernel, {
    buffers: [logits, sampling, seeds, outputIndex, tokens],
    params: { vocabulary },
    constants: reduceConstants(step),
    workgroups: [rows],
  })
  return tokens
}
