import type { LogprobsAt, Usage } from '../protocol/outputs.ts'
import type { PoolingParams } from '../protocol/pooling.ts'
import type { StreamEvent } from '../protocol/stream-events.ts'
import { toEmbedding } from './embedding.ts'
import { logprobsAt, type OutputTokenizer, SequenceOutput } from './output-processor.ts'
import { Sequence, type SequenceInit } from './sequence.ts'
import type { SequenceGrammar } from './sequence-grammar.ts'
import type { RowOutput } from './step-output.ts'

/** A request whose input has been read. */
export interface AcceptedRequest extends Omit<SequenceInit, 'id' | 'index' | 'leader'> {
  readonly id: string
  /** Null when it was given as token ids. */
  readonly promptText: string | null
  /** Its prompt's embedding is wanted, and no text. */
  readonly pooling?: PoolingParams | undefined
}

/** Where a request's events go. */
export type Post = (event: StreamEvent) => void

/** A request under way: its n sequences, and what has been said about them. */
export class Request {
  readonly accepted: AcceptedRequest
  readonly outputs: readonly SequenceOutput[]
  readonly #post: Post
  readonly #tokenizer: OutputTokenizer
  readonly #promptLogprobs: (LogprobsAt | null)[] | null
  #promptSaid = false
  #embedding: Float32Array | undefined
  ended = false

  /** grammars: one per continuation, or none. */
  constructor(accepted: AcceptedRequest, tokenizer: OutputTokenizer, post: Post, grammars: readonly SequenceGrammar[] = []) {
    this.accepted = accepted
    this.#post = post
    this.#tokenizer = tokenizer
    this.#promptLogprobs = accepted.sampling.promptLogprobs === undefined ? null : [null]
    const outputs: SequenceOutput[] = []
    for (let index = 0; index < accepted.sampling.n; index++) {
      const init = { ...accepted, id: `${accepted.id}-${index}`, index, leader: outputs[0]?.sequence }
      const sequence = new Sequence(init)
      sequence.grammar = grammars[index]
      outputs.push(new SequenceOutput(sequence, tokenizer))
    }
    // The first prompt token has no log-probability: nothing comes before it.
    for (const { sequence } of outputs) sequence.promptLogprobsDone = 1
    this.outputs = outputs
  }

  get leader(): Sequence {
    return (this.outputs[0] as SequenceOutput).sequence
  }

  /** Does no continuation have a place among those that run? */
  get isWaiting(): boolean {
    return this.outputs.every(({ sequence }) => sequence.state !== 'running')
  }

  /** Keeps the continuations from being computed further, or lets them go on. */
  set paused(paused: boolean) {
    for (const { sequence } of this.outputs) sequence.paused = paused
  }

  /** Takes in the log-probabilities of prompt tokens. A sequence that was put back computes some of them again. */
  acceptPrompt(prompt: RowOutput['prompt']): void {
    const { leader } = this
    for (const { place, scores } of prompt) {
      if (place !== leader.promptLogprobsDone) continue
      const token = leader.tokens[place] as number
      this.#promptLogprobs?.push(logprobsAt(this.#tokenizer, token, scores, this.accepted.sampling.promptLogprobs ?? 0))
      leader.promptLogprobsDone++
    }
  }

  /** Takes in the hidden state of the prompt's last token. Errors: InvalidLogitsError. */
  acceptHidden(hidden: Float32Array): void {
    this.#embedding = toEmbedding(hidden, this.accepted.pooling?.dimensions)
  }

  /** Says what has happened since the last call; returns whether the request is complete. */
  report(): boolean {
    if (this.ended) return true
    const { leader } = this
    if (!this.#promptSaid && (leader.outputLength > 0 || leader.computed >= leader.promptLength || this.#embedding)) this.#sayPrompt()
    if (this.accepted.pooling) return this.#reportEmbedding()
    for (const output of this.outputs) {
      const delta = output.takeDelta()
      if (delta) this.#post(delta)
    }
    if (this.outputs.some((output) => output.finishReason === null)) return false
    this.#end({ type: 'done', usage: this.#usage() })
    return true
  }

  #reportEmbedding(): boolean {
    if (this.#embedding) this.#post({ type: 'embedding', embedding: this.#embedding })
    else if (this.outputs.some((output) => output.finishReason === null)) return false
    this.#end({ type: 'done', usage: this.#usage() })
    return true
  }

  /** Ends with what there is so far, as the caller wishes. */
  abort(): void {
    if (this.ended) return
    if (!this.#promptSaid) this.#sayPrompt()
    for (const output of this.outputs) output.abort()
    this.report()
  }

  fail(error: Error): void {
    const { code } = error as { code?: unknown }
    this.#end({ type: 'error', name: error.name, message: error.message, ...(typeof code === 'string' && { code }) })
  }

  #sayPrompt(): void {
    this.#promptSaid = true
    this.#post({
      type: 'prompt',
      prompt: this.accepted.promptText,
      prompt_token_ids: [...this.accepted.promptTokens],
      prompt_logprobs: this.#promptLogprobs,
      num_cached_tokens: this.leader.cachedTokens,
    })
  }

  #end(event: StreamEvent): void {
    if (this.ended) return
    this.ended = true
    this.#post(event)
  }

  #usage(): Usage {
    const prompt_tokens = this.accepted.promptTokens.length
    const completion_tokens = this.outputs.reduce((sum, output) => sum + output.sequence.outputLength, 0)
    return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens }
  }
}
