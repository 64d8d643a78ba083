import type { FinishReason, LogprobsAt } from '../protocol/outputs.ts'
import type { DeltaEvent } from '../protocol/stream-events.ts'
import { createDetokenizer, type Detokenizer } from '../text/detokenizer.ts'
import { createStopStrings, type StopStrings } from '../text/stop-strings.ts'
import type { Tokenizer } from '../text/tokenizer.ts'
import type { Sequence } from './sequence.ts'
import type { SampledToken, TokenScores } from './step-output.ts'

/** What output needs of a tokenizer. */
export type OutputTokenizer = Pick<Tokenizer, 'vocabSize' | 'isSpecial' | 'tokenBytes' | 'isFallbackByte' | 'leadingSpaces' | 'decode'>

/** One position's log-probabilities as vLLM gives them: the `top` likeliest tokens and the one that stands there. */
export function logprobsAt(tokenizer: OutputTokenizer, token: number, scores: TokenScores, top: number): LogprobsAt {
  const at: LogprobsAt = {}
  const put = (id: number, logprob: number, rank: number): void => {
    at[id] = { logprob, rank, decoded_token: tokenizer.decode([id], { skipSpecialTokens: false }) }
  }
  for (let i = 0; i < Math.min(top, scores.topIds.length); i++) put(scores.topIds[i] as number, scores.topLogprobs[i] as number, i + 1)
  put(token, scores.logprob, scores.rank)
  return at
}

/** Turns one sequence's sampled tokens into text, log-probabilities and an end. */
export class SequenceOutput {
  readonly sequence: Sequence
  finishReason: FinishReason | null = null
  readonly #tokenizer: OutputTokenizer
  readonly #detokenizer: Detokenizer
  readonly #stops: StopStrings
  #stopReason: string | number | null = null
  #text = ''
  #tokens: number[] = []
  #logprobs: LogprobsAt[] = []
  #endSaid = false

  constructor(sequence: Sequence, tokenizer: OutputTokenizer) {
    const { skipSpecialTokens, stop, includeStopString } = sequence.init.sampling
    this.sequence = sequence
    this.#tokenizer = tokenizer
    // A grammar speaks of every byte, a space at the beginning too.
    this.#detokenizer = createDetokenizer(sequence.grammar ? { ...tokenizer, leadingSpaces: 0 } : tokenizer, { skipSpecialTokens })
    this.#stops = createStopStrings(stop, { includeStopString })
  }

  /** Appends a token to the sequence, and notes whether it is the last. Errors: the grammar does not allow it. */
  accept({ id, scores }: SampledToken): void {
    const { sequence } = this
    const { sampling } = sequence.init
    sequence.tokens.push(id)
    this.#tokens.push(id)
    if (sampling.logprobs !== undefined && scores) this.#logprobs.push(logprobsAt(this.#tokenizer, id, scores, sampling.logprobs))
    if (sampling.stopIds.has(id) && sequence.outputLength >= sampling.minTokens) {
      // The stop token itself is no part of the text, unless the caller wants to see what stopped it.
      if (sampling.includeStopString) this.#push(this.#detokenizer.push(id))
      this.#end('stop', sampling.endIds.has(id) ? null : id)
      return
    }
    this.#push(this.#detokenizer.push(id))
    this.#follow(id)
    if (this.finishReason === null && sequence.remaining <= 0) this.#end('length', null)
  }

  /** Ends the output before its time. */
  abort(): void {
    if (this.finishReason === null) this.#end('abort', null)
  }

  /** What is new since the last call, or undefined if nothing is. */
  takeDelta(): DeltaEvent | undefined {
    if (this.#endSaid || (this.#tokens.length === 0 && this.finishReason === null)) return undefined
    this.#endSaid = this.finishReason !== null
    const delta: DeltaEvent = {
      type: 'delta',
      index: this.sequence.init.index,
      text: this.#text,
      token_ids: this.#tokens,
      logprobs: this.sequence.init.sampling.logprobs === undefined ? null : this.#logprobs,
      finish_reason: this.finishReason,
      stop_reason: this.#stopReason,
    }
    this.#text = ''
    this.#tokens = []
    this.#logprobs = []
    return delta
  }

  /** Moves on in the grammar. Where nothing but the end may follow, the text ends without the model saying so. */
  #follow(id: number): void {
    const { grammar } = this.sequence
    if (!grammar || this.finishReason !== null) return
    grammar.accept(id)
    if (grammar.isComplete) this.#end('stop', null)
  }

  #push(piece: string): void {
    const { sequence } = this
    const check = this.#stops.push(piece, sequence.outputLength > sequence.init.sampling.minTokens)
    this.#text += check.text
    if (check.stopped === undefined) return
    this.finishReason = 'stop'
    this.#stopReason = check.stopped
  }

  #end(reason: FinishReason, stopReason: string | number | null): void {
    // Half a character, and what might have become a stop string, come out now; and may still complete one.
    this.#push(this.#detokenizer.flush())
    if (this.finishReason !== null) return
    this.#text += this.#stops.flush()
    this.finishReason = reason
    this.#stopReason = stopReason
  }
}
