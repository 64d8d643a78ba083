import type { FinishReason, LogprobsAt } from '../protocol/outputs.ts'
import type { DeltaEvent, PromptEvent } from '../protocol/stream-events.ts'
import { type CompletionLogprobs, CompletionLogprobsWriter } from './logprobs.ts'

/** What of a request decides how its answer is written. */
export interface CompletionForm {
  /** The answer repeats the prompt before its own text. */
  echo: boolean
  /** Only the prompt is asked for, with its log-probabilities (echo with max_tokens: 0). */
  promptOnly: boolean
  logprobs: boolean
  tokensAsIds: boolean
  returnTokenIds: boolean
}

/** What of a prompt must be known beforehand to repeat it. */
export interface EchoedPrompt {
  text: string
  /** The text of its first token, of which there is no log-probability. */
  firstToken: string
}

/** A piece of one choice; what is written as a chunk of a stream, or collected into a choice. */
export interface CompletionPiece {
  index: number
  text: string
  logprobs: CompletionLogprobs | null
  finish_reason: FinishReason | null
  stop_reason?: string | number | null
  prompt_token_ids?: number[]
  token_ids?: number[]
}

/** Writes one continuation as pieces. Streamed or not, an answer is made of the same ones. */
export class CompletionChoice {
  readonly #index: number
  readonly #form: CompletionForm
  readonly #echoed: EchoedPrompt | undefined
  readonly #logprobs: CompletionLogprobsWriter

  constructor(index: number, form: CompletionForm, echoed: EchoedPrompt | undefined) {
    this.#index = index
    this.#form = form
    this.#echoed = echoed
    this.#logprobs = new CompletionLogprobsWriter(form.tokensAsIds)
  }

  begin({ prompt_token_ids, prompt_logprobs }: PromptEvent): CompletionPiece[] {
    const { echo, returnTokenIds } = this.#form
    if (!echo && !returnTokenIds) return []
    return [
      {
        ...this.#piece(this.#echoed?.text ?? ''),
        ...(echo && { logprobs: this.#written(prompt_token_ids, prompt_logprobs ?? []) }),
        ...(returnTokenIds && { prompt_token_ids, token_ids: [] }),
      },
    ]
  }

  take({ text, token_ids, logprobs, finish_reason, stop_reason }: DeltaEvent): CompletionPiece[] {
    const { promptOnly, returnTokenIds } = this.#form
    const end = finish_reason === null ? {} : { finish_reason, stop_reason }
    if (promptOnly) return finish_reason === null ? [] : [{ ...this.#piece(''), ...end, ...(returnTokenIds && { token_ids: [] }) }]
    const written = this.#written(token_ids, logprobs ?? [])
    if (text === '' && finish_reason === null && !(token_ids.length > 0 && (written || returnTokenIds))) return []
    return [{ ...this.#piece(text), logprobs: written, ...end, ...(returnTokenIds && { token_ids }) }]
  }

  #piece(text: string): CompletionPiece {
    return { index: this.#index, text, logprobs: null, finish_reason: null }
  }

  #written(ids: readonly number[], at: readonly (LogprobsAt | null)[]): CompletionLogprobs | null {
    return this.#form.logprobs ? this.#logprobs.write(ids, at, this.#echoed?.firstToken) : null
  }
}

/** Joins the pieces of one choice. */
export function joinCompletionPieces(pieces: readonly CompletionPiece[]): Required<Pick<CompletionPiece, 'stop_reason'>> & CompletionPiece {
  const whole = { index: pieces[0]?.index ?? 0, text: '', logprobs: null, finish_reason: null, stop_reason: null } as ReturnType<
    typeof joinCompletionPieces
  >
  for (const { text, logprobs, finish_reason, stop_reason, prompt_token_ids, token_ids } of pieces) {
    whole.text += text
    if (logprobs) whole.logprobs = whole.logprobs ? joinLogprobs(whole.logprobs, logprobs) : logprobs
    whole.finish_reason = finish_reason ?? whole.finish_reason
    whole.stop_reason = stop_reason ?? whole.stop_reason
    if (prompt_token_ids) whole.prompt_token_ids = prompt_token_ids
    if (token_ids) whole.token_ids = [...(whole.token_ids ?? []), ...token_ids]
  }
  return whole
}

const joinLogprobs = (a: CompletionLogprobs, b: CompletionLogprobs): CompletionLogprobs => ({
  text_offset: [...a.text_offset, ...b.text_offset],
  token_logprobs: [...a.token_logprobs, ...b.token_logprobs],
  tokens: [...a.tokens, ...b.tokens],
  top_logprobs: [...a.top_logprobs, ...b.top_logprobs],
})
