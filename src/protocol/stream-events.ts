import type { FinishReason, LogprobsAt, Usage } from './outputs.ts'

/**
 * What the engine posts on a request's port, in this order: one `prompt`, any number of `delta`, then one `done` or `error`.
 * The only message in the other direction is `{ type: 'abort' }`.
 */
export type StreamEvent = PromptEvent | DeltaEvent | DoneEvent | ErrorEvent

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
}

/** Ends the request; posted to the engine on the request's port. */
export interface AbortMessage {
  type: 'abort'
}
