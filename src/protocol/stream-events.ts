import type { FinishReason, LogprobsAt, Usage } from './outputs.ts'

/**
 * What the engine posts on a request's port, in this order: one `prompt`, any number of `delta` (or one `embedding`), then one
 * `done` or `error`.
 * Messages in the other direction are ReaderMessages.
 */
export type StreamEvent = PromptEvent | DeltaEvent | EmbeddingEvent | DoneEvent | ErrorEvent

/** The prompt has been read. */
export interface PromptEvent {
  type: 'prompt'
  prompt: string | null
  prompt_token_ids: number[]
  prompt_logprobs: (LogprobsAt | null)[] | null
  num_cached_tokens: number
}

/** New text of one continuation; text may be empty while a stop string or half a character is held back. */
export interface DeltaEvent {
  type: 'delta'
  index: number
  text: string
  token_ids: number[]
  logprobs: LogprobsAt[] | null
  /** Set on this continuation's last delta. */
  finish_reason: FinishReason | null
  stop_reason: string | number | null
}

/** The prompt's vector, of length 1. */
export interface EmbeddingEvent {
  type: 'embedding'
  embedding: Float32Array
}

/** Every continuation has finished. */
export interface DoneEvent {
  type: 'done'
  usage: Usage
}

/** The request has failed; name is one of ErrorName. */
export interface ErrorEvent {
  type: 'error'
  name: string
  message: string
  /** What it is in one word, where the name does not say enough; see ErrorCode in util/errors.ts. */
  code?: string
}

/**
 * What a reader may post to the engine on its request's port: `abort` ends the request with what there is so far; `pause` keeps it from
 * being computed further until `resume`, because what was written is not being read.
 */
export interface ReaderMessage {
  type: 'abort' | 'pause' | 'resume'
}
