import type { FinishReason } from '../protocol/outputs.ts'
import type { DeltaEvent } from '../protocol/stream-events.ts'
import { type ChatLogprobs, chatLogprobs } from './logprobs.ts'
import type { ToolCallDelta, ToolCallParser, ToolDelta } from './tools/tool-delta.ts'

/** What of a request decides how its answer is written. */
export interface ChatForm {
  /** Who answers: 'assistant', or whoever's message is continued. */
  role: string
  /** Text that the answer repeats before its own (vLLM's echo). */
  echo: string
  /** Likeliest tokens to report; undefined: no log-probabilities. */
  topLogprobs: number | undefined
  tokensAsIds: boolean
  returnTokenIds: boolean
  /** Makes what tells one continuation's text from its tool calls. */
  parser(): ToolCallParser
}

/** A piece of one choice; what is written as a chunk of a stream, or collected into a message. */
export interface ChatPiece {
  index: number
  delta: { role?: string; content?: string; tool_calls?: ToolCallDelta[] }
  logprobs: { content: ChatLogprobs[]; refusal: null } | null
  finish_reason: FinishReason | 'tool_calls' | null
  stop_reason?: string | number | null
  token_ids?: number[]
}

/** Writes one continuation as pieces. Streamed or not, an answer is made of the same ones. */
export class ChatChoice {
  readonly #index: number
  readonly #form: ChatForm
  readonly #parser: ToolCallParser

  constructor(index: number, form: ChatForm) {
    this.#index = index
    this.#form = form
    this.#parser = form.parser()
  }

  begin(): ChatPiece[] {
    const { role, echo } = this.#form
    const first = this.#piece({ role, content: '' })
    return echo === '' ? [first] : [first, this.#piece({ content: echo })]
  }

  /** The pieces of an event. What it says of tokens goes with the first one, the end has one of its own. */
  take(event: DeltaEvent): ChatPiece[] {
    const ended = event.finish_reason !== null
    const deltas = [...this.#parser.push(event.text), ...(ended ? this.#parser.finish() : [])]
    const pieces = deltas.map((delta) => this.#piece(fromTool(delta)))
    if (ended) pieces.push(this.#end(event))
    const about = this.#aboutTokens(event)
    // Tokens whose text is held back are reported all the same, each once.
    if (pieces.length === 0 && (about.logprobs || about.token_ids)) pieces.push(this.#piece({}))
    return pieces.map((piece, i) => (i === 0 ? { ...piece, ...about } : piece))
  }

  #piece(delta: ChatPiece['delta']): ChatPiece {
    return { index: this.#index, delta, logprobs: null, finish_reason: null }
  }

  #end({ finish_reason, stop_reason }: DeltaEvent): ChatPiece {
    const reason = finish_reason === 'stop' && this.#parser.called ? 'tool_calls' : finish_reason
    return { ...this.#piece({}), finish_reason: reason, stop_reason }
  }

  #aboutTokens({ token_ids, logprobs }: DeltaEvent): Partial<Pick<ChatPiece, 'logprobs' | 'token_ids'>> {
    const { topLogprobs, tokensAsIds, returnTokenIds } = this.#form
    if (token_ids.length === 0) return {}
    return {
      ...(topLogprobs !== undefined && {
        logprobs: { content: chatLogprobs(token_ids, logprobs ?? [], topLogprobs, tokensAsIds), refusal: null },
      }),
      ...(returnTokenIds && { token_ids }),
    }
  }
}

const fromTool = (delta: ToolDelta): ChatPiece['delta'] => ('content' in delta ? delta : { tool_calls: [delta.tool_call] })

/** A choice of an answer that is not streamed. */
export interface WholeChatChoice {
  index: number
  message: {
    role: string
    content: string | null
    refusal: null
    tool_calls?: { id: string; type: 'function'; function: { name: string; arguments: string } }[]
  }
  logprobs: ChatPiece['logprobs']
  finish_reason: ChatPiece['finish_reason']
  stop_reason: string | number | null
  token_ids?: number[]
}

/** Joins the pieces of one choice. */
export function joinChatPieces(pieces: readonly ChatPiece[]): WholeChatChoice {
  const whole: WholeChatChoice = {
    index: pieces[0]?.index ?? 0,
    message: { role: 'assistant', content: '', refusal: null },
    logprobs: null,
    finish_reason: null,
    stop_reason: null,
  }
  const { message } = whole
  for (const { delta, logprobs, finish_reason, stop_reason, token_ids } of pieces) {
    message.role = delta.role ?? message.role
    message.content += delta.content ?? ''
    for (const call of delta.tool_calls ?? []) {
      const calls = (message.tool_calls ??= [])
      const joined = (calls[call.index] ??= { id: call.id ?? '', type: 'function', function: { name: '', arguments: '' } })
      joined.function.name += call.function.name ?? ''
      joined.function.arguments += call.function.arguments ?? ''
    }
    if (logprobs) (whole.logprobs ??= { content: [], refusal: null }).content.push(...logprobs.content)
    if (token_ids) (whole.token_ids ??= []).push(...token_ids)
    whole.finish_reason = finish_reason ?? whole.finish_reason
    whole.stop_reason = stop_reason ?? whole.stop_reason
  }
  if (message.tool_calls && message.content === '') message.content = null
  return whole
}
