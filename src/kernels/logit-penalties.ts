import code from '../../shaders/logit-penalties.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'

const WORKGROUP_SIZE = 256

const kernel = defineKernel({
  name: 'logit-penalties',
  code: [code],
  buffers: ['logits', 'sampling', 'slots', 'counts', 'out'],
  params: { vocabulary: 'u32' },
})

/** What each row's tokens have been so far. */
export interface TokenCounts {
  /** u32 [slots, vocabulary]: output count in the low 31 bits, 'stands in the prompt' in the top bit. */
  readonly table: Tensor
  /** u32 [rows]: each row's slot. */
  readonly slot: Tensor
}

/** Repetition, frequency and presence penalties. logits: f32 [rows, vocabulary]; sampling: f32 [rows, 8]. */
export function logitPenalties(step: Step, logits: Tensor, sampling: Tensor, counts: TokenCounts): Tensor {
  const [rows, vocabulary] = matrixShape('logitPenalties logits', logits)
  expectShape('logitPenalties sampling', sampling, [rows, 8])
  expectShape('logitPenalties counts', counts.table, [counts.table.shape[0] ?? 0, vocabulary])
  const out = step.scratch('f32', [rows, vocabulary])
  step.dispatch(kernel, {
    buffers: [logits, sampling, counts.slot, counts.table, out],
    params: { vocabulary },
    constants: { WORKGROUP_SIZE },
    workgroups: [Math.ceil(vocabulary / WORKGROUP_SIZE), rows],
  })
  return out
}
