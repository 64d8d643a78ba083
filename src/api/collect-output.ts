import type { CompletionOutput, EmbeddingRequestOutput, RequestOutput } from '../protocol/outputs.ts'
import type { DeltaEvent, StreamEvent } from '../protocol/stream-events.ts'

/** Reads a request's events to their end and puts them together. Errors: those of the events. */
export async function collectOutput(request_id: string, events: AsyncIterable<StreamEvent>): Promise<RequestOutput> {
  const output: RequestOutput = {
    request_id,
    prompt: null,
    prompt_token_ids: [],
    prompt_logprobs: null,
    outputs: [],
    finished: false,
    num_cached_tokens: 0,
  }
  for await (const event of events) {
    if (event.type === 'prompt') {
      const { type: _, ...prompt } = event
      Object.assign(output, prompt)
    } else if (event.type === 'delta') {
      append((output.outputs[event.index] ??= emptyCompletion(event.index)), event)
    } else {
      output.finished = true
    }
  }
  return output
}

/** The same for an embedding. */
export async function collectEmbedding(request_id: string, events: AsyncIterable<StreamEvent>): Promise<EmbeddingRequestOutput> {
  const output: EmbeddingRequestOutput = {
    request_id,
    outputs: { embedding: [] },
    prompt_token_ids: [],
    finished: false,
    num_cached_tokens: 0,
  }
  for await (const event of events) {
    if (event.type === 'prompt') {
      output.prompt_token_ids = event.prompt_token_ids
      output.num_cached_tokens = event.num_cached_tokens
    } else if (event.type === 'embedding') output.outputs.embedding = [...event.embedding]
    else if (event.type === 'done') output.finished = true
  }
  return output
}

const emptyCompletion = (index: number): CompletionOutput => ({
  index,
  text: '',
  token_ids: [],
  cumulative_logprob: null,
  logprobs: null,
  finish_reason: null,
  stop_reason: null,
})

function append(completion: CompletionOutput, delta: DeltaEvent): void {
  completion.text += delta.text
  completion.token_ids.push(...delta.token_ids)
  if (delta.logprobs) {
    ;(completion.logprobs ??= []).push(...delta.logprobs)
    const chosen = delta.token_ids.map((id, i) => delta.logprobs?.[i]?.[id]?.logprob ?? 0)
    completion.cumulative_logprob = chosen.reduce((sum, logprob) => sum + logprob, completion.cumulative_logprob ?? 0)
  }
  completion.finish_reason = delta.finish_reason ?? completion.finish_reason
  completion.stop_reason = delta.stop_reason ?? completion.stop_reason
}
