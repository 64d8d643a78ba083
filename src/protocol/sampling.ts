/** How tokens are chosen and when to stop: vLLM's SamplingParams, with vLLM's names and defaults. */
export interface SamplingParams {
  /** Sequences per prompt. Default 1, at most 16. */
  n?: number
  /** 0 is greedy. Default 1. */
  temperature?: number
  /** Smallest set of tokens whose probabilities sum to at least top_p. Default 1. */
  top_p?: number
  /** Only the k likeliest tokens; 0 or -1 is all. Default 0. */
  top_k?: number
  /** Drops tokens less likely than min_p times the likeliest. Default 0. */
  min_p?: number
  /** Seeds this request's random numbers; the same seed gives the same text whatever else runs. Default: random. */
  seed?: number
  /** Stops when one of these appears in the text. */
  stop?: string | readonly string[]
  /** Stops at one of these token ids, besides the model's own end tokens. */
  stop_token_ids?: readonly number[]
  /** Goes on after the model's end tokens. Default false. */
  ignore_eos?: boolean
  /** New tokens at most. Default 16 for generate (as vLLM), what is left of max_model_len for chat and stream (as vLLM's server). */
  max_tokens?: number
  /** No end token or stop token before this many. Default 0. */
  min_tokens?: number
  /** Log-probabilities of the k likeliest tokens and the chosen one, per new token. At most 20. Default: none. */
  logprobs?: number
  /** The same for the prompt's tokens. */
  prompt_logprobs?: number
  /** Added to the logits of tokens already in the output. -2..2, default 0. */
  presence_penalty?: number
  /** Times the count in the output, subtracted. -2..2, default 0. */
  frequency_penalty?: number
  /** Divides positive and multiplies negative logits of tokens in prompt or output. Above 0, default 1. */
  repetition_penalty?: number
  /** Token id → value added to its logit, -100..100. */
  logit_bias?: Readonly<Record<string, number>>
  /** Leaves special tokens out of the text. Default true. */
  skip_special_tokens?: boolean
  /** Keeps the stop string at the end of the text. Default false. */
  include_stop_str_in_output?: boolean
  /** Lets only text of this form be written. */
  structured_outputs?: StructuredOutputs
}

/** What an answer must look like (vLLM's StructuredOutputsParams): exactly one of json, regex, choice and json_object. */
export interface StructuredOutputs {
  /** A JSON Schema (draft 2020-12), as an object or as JSON text: the answer is one JSON value that it accepts. */
  json?: string | boolean | Readonly<Record<string, unknown>>
  /** A regular expression that the whole answer matches. */
  regex?: string
  /** The answer is one of these texts. */
  choice?: readonly string[]
  /** True: the answer is any JSON object. */
  json_object?: boolean
  /** No whitespace between the tokens of JSON. Default false: at most one space or one line break with its indentation. */
  disable_any_whitespace?: boolean
}
