import code from '../../shaders/advance.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, type Tensor } from '../gpu/tensor.ts'
import type { TokenLogprobs } from './token-logprobs.ts'

const kernel = defineKernel({
  name: 'advance',
  code: [code],
  buffers: ['sampled', 'chosen_logprob', 'chosen_rank', 'top_ids', 'top_logprobs', 'state', 'ring'],
  params: {
    rows: 'u32',
    tokens: 'u32',
    iteration: 'u32',
    token_ids: 'u32',
    positions: 'u32',
    token_slot: 'u32',
    tiles: 'u32',
    output_index: 'u32',
  },
})

/** Where the arrays that move on lie in the state, in words. */
export interface AdvancePlaces {
  readonly iteration: number
  readonly tokenIds: number
  readonly positions: number
  readonly tokenSlot: number
  readonly tiles: number
  readonly outputIndex: number
}

/** What a step leaves behind, and where it goes. */
export interface AdvanceInputs {
  /** u32 [rows]; 0xffffffff: the row failed. */
  readonly sampled: Tensor
  readonly logprobs: TokenLogprobs | undefined
  /** Likeliest tokens reported per row; -1: no log-probabilities. */
  readonly top: number
  /** u32 [words] */
  readonly state: Tensor
  readonly places: AdvancePlaces
  /** Length of the flat token axis. */
  readonly tokens: number
  /** Row r's token is token r and takes the sampled id. */
  readonly decode: boolean
  /** u32 [words] */
  readonly ring: Tensor
}

/** Words of one row in the ring. */
export const ringWidth = (top: number): number => (top < 0 ? 1 : 3 + 2 * top)

/** Appends a step's results to the ring and, in a decode step, moves the state to the next token. */
export function advance(step: Step, inputs: AdvanceInputs): void {
  const { sampled, logprobs, top, state, places, ring } = inputs
  const rows = sampled.shape[0] ?? 0
  expectShape('advance sampled', sampled, [rows])
  const { none } = step
  step.dispatch(kernel, {
    buffers: [
      sampled,
      logprobs?.chosenLogprob ?? none,
      logprobs?.chosenRank ?? none,
      logprobs?.topIds ?? none,
      logprobs?.topLogprobs ?? none,
      state,
      ring,
    ],
    params: {
      rows,
      tokens: inputs.tokens,
      iteration: places.iteration,
      token_ids: places.tokenIds,
      positions: places.positions,
      token_slot: places.tokenSlot,
      tiles: places.tiles,
      output_index: places.outputIndex,
    },
    constants: { DECODE: inputs.decode ? 1 : 0, TOP: logprobs ? top : -1 },
    workgroups: [1],
  })
}
