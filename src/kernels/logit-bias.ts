import code from '../../shaders/logit-bias.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'

const kernel = defineKernel({
  name: 'logit-bias',
  code: [code],
  buffers: ['logits', 'row_start', 'token', 'value', 'until', 'output_index', 'out'],
  params: { vocabulary: 'u32' },
})

/** Entries to add to logits, sorted by row. */
export interface LogitBias {
  /** u32 [rows + 1]: where each row's entries begin. */
  readonly rowStart: Tensor
  /** u32 [entries] */
  readonly token: Tensor
  /** f32 [entries] */
  readonly value: Tensor
  /** u32 [entries]: the entry holds while the output is shorter than this; 0xffffffff: always. */
  readonly until: Tensor
}

/** logits + bias. logits: f32 [rows, vocabulary]; outputIndex: u32 [rows], the length of each row's output so far. */
export function logitBias(step: Step, logits: Tensor, bias: LogitBias, outputIndex: Tensor): Tensor {
  const [rows, vocabulary] = matrixShape('logitBias logits', logits)
  expectShape('logitBias rowStart', bias.rowStart, [rows + 1])
  const out = step.scratch('f32', [rows, vocabulary])
  step.dispatch(kernel, {
    buffers: [logits, bias.rowStart, bias.token, bias.value, bias.until, outputIndex, out],
    params: { vocabulary },
    workgroups: [rows],
  })
  return out
}
