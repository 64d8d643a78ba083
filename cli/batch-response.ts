import { randomUUID } from 'node:crypto'
import type { CompletionOutput, LogprobsAt, RequestOutput } from '../src/index.ts'

/** A line of the output file, as vLLM and OpenAI write it. */
export interface BatchResult {
  id: string
  custom_id: string | null
  response: { status_code: number; request_id: string; body: unknown }
  error: OpenAIError | null
}

/** OpenAI's error object; all four keys are always there. */
export interface OpenAIError {
  message: string
  type: string
  param: string | null
  code: string | null
}

const hex = (): string => randomUUID().replaceAll('-', '')

/** The line of a request that was answered. */
export function answeredLine(custom_id: string | null, model: string, output: RequestOutput, topLogprobs: number | undefined): BatchResult {
  const completion_tokens = output.outputs.reduce((sum, { token_ids }) => sum + token_ids.length, 0)
  const prompt_tokens = output.prompt_token_ids.length
  const body = {
    id: `chatcmpl-${hex()}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model,
    choices: output.outputs.map((completion) => choice(completion, topLogprobs)),
    usage: {
      prompt_tokens,
      completion_tokens,
      total_tokens: prompt_tokens + completion_tokens,
      prompt_tokens_details: { cached_tokens: output.num_cached_tokens },
    },
    prompt_logprobs: output.prompt_logprobs,
  }
  return { id: `batch_req_${hex()}`, custom_id, response: { status_code: 200, request_id: `req_${hex()}`, body }, error: null }
}

/** The line of a request that failed. Errors with other names than the library's are the server's. */
export function failedLine(custom_id: string | null, thrown: unknown): BatchResult {
  const { name, message } = thrown as Error
  const [status_code, type, code] = kinds[name] ?? [500, 'server_error', 'internal_error']
  const error: OpenAIError = { message, type, param: null, code }
  return { id: `batch_req_${hex()}`, custom_id, response: { status_code, request_id: `req_${hex()}`, body: { error } }, error }
}

const kinds: Readonly<Record<string, readonly [number, string, string | null]>> = {
  InvalidRequestError: [400, 'invalid_request_error', null],
  ContextLengthError: [400, 'invalid_request_error', 'context_length_exceeded'],
  MediaError: [400, 'invalid_request_error', 'invalid_image'],
  ModelNotFoundError: [404, 'invalid_request_error', 'model_not_found'],
}

function choice(completion: CompletionOutput, topLogprobs: number | undefined): object {
  const { index, text, token_ids, logprobs, finish_reason, stop_reason } = completion
  return {
    index,
    message: { role: 'assistant', content: text, refusal: null },
    logprobs:
      topLogprobs === undefined || !logprobs
        ? null
        : { content: token_ids.map((id, i) => tokenLogprob(id, logprobs[i] ?? {}, topLogprobs)), refusal: null },
    finish_reason,
    stop_reason,
  }
}

function tokenLogprob(id: number, at: LogprobsAt, topLogprobs: number): object {
  const entry = (each: LogprobsAt[number] | undefined): object => {
    const token = each?.decoded_token ?? ''
    return { token, logprob: Math.max(each?.logprob ?? -9999, -9999), bytes: [...new TextEncoder().encode(token)] }
  }
  const ranked = Object.values(at).sort((a, b) => a.rank - b.rank)
  return { ...entry(at[id]), top_logprobs: ranked.slice(0, topLogprobs).map(entry) }
}
