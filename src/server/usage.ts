import type { Usage } from '../protocol/outputs.ts'
import type { StreamEvent } from '../protocol/stream-events.ts'

/** Usage as OpenAI writes it. */
export interface ReportedUsage extends Usage {
  prompt_tokens_details?: { cached_tokens: number }
}

/** Adds up what an answer's requests have cost. */
export class UsageMeter {
  #prompt = 0
  #completion = 0
  #cached = 0
  readonly #prompts = new Map<number, number>()
  readonly #written = new Map<number, number>()

  /** `choice` is the continuation's place among all of the answer. */
  take(event: StreamEvent, at: number, choice: number): void {
    if (event.type === 'prompt') {
      this.#cached += event.num_cached_tokens
      this.#prompts.set(at, event.prompt_token_ids.length)
    } else if (event.type === 'delta') {
      this.#written.set(choice, (this.#written.get(choice) ?? 0) + event.token_ids.length)
    } else if (event.type === 'done') {
      this.#prompt += event.usage.prompt_tokens
      this.#completion += event.usage.completion_tokens
    }
  }

  /** Of one continuation so far (vLLM's continuous_usage_stats). */
  soFar(at: number, choice: number): ReportedUsage {
    return usage(this.#prompts.get(at) ?? 0, this.#written.get(choice) ?? 0)
  }

  /** Of all requests that are done. `withoutAnswer` leaves the new tokens out: they were made but not asked for. */
  total(withoutAnswer = false): ReportedUsage {
    return { ...usage(this.#prompt, withoutAnswer ? 0 : this.#completion), prompt_tokens_details: { cached_tokens: this.#cached } }
  }
}

const usage = (prompt_tokens: number, completion_tokens: number): ReportedUsage => ({
  prompt_tokens,
  completion_tokens,
  total_tokens: prompt_tokens + completion_tokens,
})
