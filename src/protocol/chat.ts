/** Who speaks. */
export type Role = 'system' | 'developer' | 'user' | 'assistant' | 'tool'

/** A content part as it crosses the thread border; media parts stand for the next item of their modality in WireMedia. */
export type WirePart = { type: 'text'; text: string } | { type: 'image' } | { type: 'video' } | { type: 'audio' }

/** One turn of a conversation, its media taken out. Further keys (name, tool_calls, …) are handed to the chat template. */
export interface WireMessage {
  role: Role
  content: string | WirePart[]
  [key: string]: unknown
}

/** What only chat requests carry (vLLM's extra chat fields). */
export interface ChatOptions {
  /** A Jinja template used in place of the model's own. */
  chat_template?: string
  /** Further variables for the template. */
  chat_template_kwargs?: Record<string, unknown>
  /** Ends the prompt with the opening of an assistant turn. Default true. */
  add_generation_prompt?: boolean
  /** Continues the last message instead of opening a new turn; excludes add_generation_prompt. Default false. */
  continue_final_message?: boolean
  /** OpenAI tool definitions, handed to the template. */
  tools?: readonly Record<string, unknown>[]
}
