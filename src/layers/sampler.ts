import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { argmaxChunks } from '../kernels/argmax-chunks.ts'
import { argmaxFinish } from '../kernels/argmax-finish.ts'
import { type LogitBias, logitBias } from '../kernels/logit-bias.ts'
import { logitPenalties, type TokenCounts } from '../kernels/logit-penalties.ts'
import { sampleToken } from '../kernels/sample-token.ts'
import { type TokenLogprobs, tokenLogprobs } from '../kernels/token-logprobs.ts'
import { type TokenMask, tokenMask } from '../kernels/token-mask.ts'

/** How a step's rows are sampled. Which kernels run is fixed by the record's own fields; their numbers live in tensors. */
export interface SamplerInputs {
  /** f32 [rows, 8]: temperature, top_p, top_k, min_p, repetition, presence and frequency penalty, unused. */
  readonly params: Tensor
  /** u32 [rows, 2] */
  readonly seeds: Tensor
  /** u32 [rows]: tokens generated so far; the random numbers' counter. */
  readonly outputIndex: Tensor
  /** logit_bias and min_tokens; undefined when no row has any. */
  readonly bias: LogitBias | undefined
  /** Undefined when no row has a penalty. */
  readonly counts: TokenCounts | undefined
  /** Undefined when every row may choose any token. */
  readonly mask: TokenMask | undefined
  /** Every row is at temperature 0. */
  readonly greedyOnly: boolean
  /** Likeliest tokens to report per row; 0: the chosen one only; -1: no log-probabilities at all. */
  readonly logprobs: number
  /** u32 [rows]: prompt tokens whose log-probability is wanted in place of the sampled one's, 0xffffffff for none. */
  readonly forced: Tensor
}

/** Chosen ids u32 [rows] (0xffffffff: the row's logits were not finite), and log-probabilities of the model's own distribution. */
export interface Sampled {
  readonly tokenIds: Tensor
  readonly logprobs: TokenLogprobs | undefined
}

/** Bias, penalties, masks, then the draw. logits: f32 [rows, vocabulary], left as they are. */
export function sample(step: Step, logits: Tensor, inputs: SamplerInputs): Sampled {
  const { bias, counts, mask, params, seeds, outputIndex, forced, logprobs: top } = inputs
  const biased = bias ? logitBias(step, logits, bias, outputIndex) : logits
  const penalized = counts ? logitPenalties(step, biased, params, counts) : biased
  // Masks come last, where nothing can make a forbidden token likelier than one that is allowed.
  const processed = mask ? tokenMask(step, penalized, mask) : penalized
  const tokenIds = inputs.greedyOnly ? greedy(step, processed) : sampleToken(step, processed, params, seeds, outputIndex)
  const logprobs = top < 0 ? undefined : tokenLogprobs(step, logits, tokenIds, forced, top)
  return { tokenIds, logprobs }
}

function greedy(step: Step, logits: Tensor): Tensor {
  const { values, indices } = argmaxChunks(step, logits)
  return argmaxFinish(step, values, indices)
}
