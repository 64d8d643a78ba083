/** A piece of an answer: text for the reader, or a piece of a tool call as OpenAI streams them. */
export type ToolDelta = { content: string } | { tool_call: ToolCallDelta }

/** The first delta of a call has id, type, name and empty arguments; the others of the same index append to its arguments. */
export interface ToolCallDelta {
  index: number
  id?: string
  type?: 'function'
  function: { name?: string; arguments?: string }
}

/**
 * Tells tool calls from text while an answer is written. However the text is cut into pieces, the deltas join to the same answer.
 * What is no call comes out as content, letter by letter. A call that breaks off or is not JSON comes out as content too, markup and
 * all, as long as its arguments have not begun; begun arguments stand as the model wrote them, as with OpenAI. Never throws.
 */
export interface ToolCallParser {
  push(text: string): ToolDelta[]
  /** Says that the answer is over; gives out what was held back. */
  finish(): ToolDelta[]
  /** A call was made by the model's own choice, so that finish_reason 'stop' reads 'tool_calls'. */
  readonly called: boolean
}
