import { ringWidth } from '../kernels/advance.ts'
import type { PlanRow } from './plan.ts'
import type { SamplePlace } from './step-inputs.ts'

/** The sampled id of a row whose logits were not finite. */
export const FAILED_TOKEN = 0xffffffff

/** Log-probabilities at one position. */
export interface TokenScores {
  /** Of the token that stands there. */
  readonly logprob: number
  readonly rank: number
  /** Likeliest first. */
  readonly topIds: readonly number[]
  readonly topLogprobs: readonly number[]
}

/** A chosen token; scores if any row of its step wanted log-probabilities. */
export interface SampledToken {
  readonly id: number
  readonly scores: TokenScores | undefined
}

/** What a step found out for one row of its plan. */
export interface RowOutput {
  readonly row: PlanRow
  /** One per step the row sampled in; some may lie past the sequence's end. */
  readonly tokens: readonly SampledToken[]
  /** Log-probabilities of prompt tokens, by their place. */
  readonly prompt: readonly { readonly place: number; readonly scores: TokenScores }[]
  /** Of a model that makes embeddings: the last token's hidden state, once that has been computed. */
  readonly hidden?: Float32Array | undefined
}

/** Reads the hidden states of a step: one row per place. */
export function readHidden(
  values: Float32Array,
  { rows, places, width }: { rows: readonly PlanRow[]; places: readonly SamplePlace[]; width: number },
): RowOutput[] {
  return rows.map((row, i) => {
    const at = places.findIndex((place) => place.row === i)
    return { row, tokens: [], prompt: [], hidden: at < 0 ? undefined : values.slice(at * width, (at + 1) * width) }
  })
}

/** Reads what `advance` wrote: steps × sampleRows entries. top: likeliest tokens per entry, -1: ids only. */
export function readRing(
  words: Uint32Array<ArrayBuffer>,
  what: { rows: readonly PlanRow[]; places: readonly SamplePlace[]; sampleRows: number; steps: number; top: number },
): RowOutput[] {
  const { rows, places, sampleRows, steps, top } = what
  const width = ringWidth(top)
  const floats = new Float32Array(words.buffer, words.byteOffset, words.length)
  const outputs = rows.map((row) => ({ row, tokens: [] as SampledToken[], prompt: [] as { place: number; scores: TokenScores }[] }))
  for (let step = 0; step < steps; step++) {
    places.forEach(({ row, promptPlace }, i) => {
      const at = (step * sampleRows + i) * width
      const scores: TokenScores | undefined =
        top < 0
          ? undefined
          : {
              logprob: floats[at + 1] ?? 0,
              rank: words[at + 2] ?? 0,
              topIds: [...words.subarray(at + 3, at + 3 + top)],
              topLogprobs: [...floats.subarray(at + 3 + top, at + 3 + 2 * top)],
            }
      if (promptPlace === undefined) outputs[row]?.tokens.push({ id: words[at] ?? FAILED_TOKEN, scores })
      else if (scores) outputs[row]?.prompt.push({ place: promptPlace, scores })
    })
  }
  return outputs
}
