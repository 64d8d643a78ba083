import reduce from '../../shaders/lib/workgroup-reduce.wgsl'
import code from '../../shaders/token-logprobs.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import { reduceConstants } from './lib/reduce-threads.ts'

const kernel = defineKernel({
  name: 'token-logprobs',
  code: [reduce, code],
  buffers: ['logits', 'chosen', 'forced', 'top_ids', 'top_logprobs', 'chosen_logprob', 'chosen_rank'],
  params: { vocabulary: 'u32' },
})

/** Log-probabilities of a step's rows. */
export interface TokenLogprobs {
  /** u32 [rows, max(top, 1)], likeliest first; undefined contents when top is 0. */
  readonly topIds: Tensor
  /** f32, same shape. */
  readonly topLogprobs: Tensor
  /** f32 [rows] */
  readonly chosenLogprob: Tensor
  /** u32 [rows], 1 for the likeliest. */
  readonly chosenRank: Tensor
}

/** logits: f32 [rows, vocabulary]; chosen and forced: u32 [rows], forced wins unless 0xffffffff; top: how many likeliest tokens. */
export function tokenLogprobs(step: Step, logits: Tensor, chosen: Tensor, forced: Tensor, top: number): TokenLogprobs {
  const [rows, vocabulary] = matrixShape('tokenLogprobs logits', logits)
  expectShape('tokenLogprobs chosen', chosen, [rows])
  expectShape('tokenLogprobs forced', forced, [rows])
  if (top > vocabulary) throw new Error(`tokenLogprobs cannot report ${top} of ${vocabulary} tokens`)
  const out: TokenLogprobs = {
    topIds: step.scratch('u32', [rows, Math.max(top, 1)]),
    topLogprobs: step.scratch('f32', [rows, Math.max(top, 1)]),
    chosenLogprob: step.scratch('f32', [rows]),
    chosenRank: step.scratch('u32', [rows]),
  }
  step.dispatch(kernel, {
    buffers: [logits, chosen, forced, out.topIds, out.topLogprobs, out.chosenLogprob, out.chosenRank],
    params: { vocabulary },
    constants: { ...reduceConstants(step), TOP: top },
    workgroups: [rows],
  })
  return out
}
