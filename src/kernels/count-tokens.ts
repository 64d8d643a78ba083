import code from '../../shaders/count-tokens.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import type { TokenCounts } from './logit-penalties.ts'

const WORKGROUP_SIZE = 64

const kernel = defineKernel({
  name: 'count-tokens',
  code: [code],
  buffers: ['sampled', 'slots', 'counts'],
  params: { rows: 'u32', vocabulary: 'u32' },
})

/** Adds sampled tokens, u32 [rows], to the counts of their rows' slots; slot 0 is passed over. */
export function countTokens(step: Step, sampled: Tensor, counts: TokenCounts): void {
  const rows = sampled.shape[0] ?? 0
  expectShape('countTokens slot', counts.slot, [rows])
  const [, vocabulary] = matrixShape('countTokens table', counts.table)
  step.dispatch(kernel, {
    buffers: [sampled, counts.slot, counts.table],
    params: { rows, vocabulary },
    constants: { WORKGROUP_SIZE },
    workgroups: [Math.ceil(rows / WORKGROUP_SIZE)],
  })
}
