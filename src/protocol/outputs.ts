/** One candidate token's log-probability (natural log, of the model's own distribution before temperature and penalties). */
export interface Logprob {
  logprob: number
  /** 1 for the likeliest token. */
  rank: number
  decoded_token: string
}

/** Log-probabilities at one position, by token id: the likeliest ones and the token that stands there. */
export type LogprobsAt = Record<number, Logprob>

/** Why a continuation ended: an end token or stop, the token limit, or an abort. */
export type FinishReason = 'stop' | 'length' | 'abort'

/** One of a request's n continuations (vLLM's CompletionOutput). */
export interface CompletionOutput {
  index: number
  text: string
  token_ids: number[]
  /** Sum of the chosen tokens' log-probabilities, null unless logprobs were asked for. */
  cumulative_logprob: number | null
  logprobs: LogprobsAt[] | null
  finish_reason: FinishReason | null
  /** The stop string or stop token id that ended it; null at an end token or at max_tokens. */
  stop_reason: string | number | null
}

/** Everything known of one finished request (vLLM's RequestOutput). */
export interface RequestOutput {
  request_id: string
  /** The prompt as text, chat template rendered, null when it was given as token ids. */
  prompt: string | null
  /** After expansion of media placeholders. */
  prompt_token_ids: number[]
  /** Entry 0 is null; null throughout unless asked for. */
  prompt_logprobs: (LogprobsAt | null)[] | null
  outputs: CompletionOutput[]
  finished: boolean
  /** Prompt tokens taken from the prefix cache. */
  num_cached_tokens: number
}

/** A finished request's vector (vLLM's EmbeddingRequestOutput). */
export interface EmbeddingRequestOutput {
  request_id: string
  /** Of length 1, so that the dot product of two is their cosine. */
  outputs: { embedding: number[] }
  /** After expansion of media placeholders. */
  prompt_token_ids: number[]
  finished: boolean
  /** Prompt tokens taken from the prefix cache. */
  num_cached_tokens: number
}

/** What a request has cost, as OpenAI counts it. */
export interface Usage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
}
