import { type CallOptions, CallWriter } from './call-writer.ts'
import type { ToolCallParser, ToolDelta } from './tool-delta.ts'

/** Takes the whole answer for the arguments of one call: a tool was named in tool_choice. OpenAI's finish_reason is 'stop' then. */
export class NamedParser implements ToolCallParser {
  readonly #writer: CallWriter
  readonly #name: string
  readonly called = false

  constructor(name: string, options: CallOptions = {}) {
    this.#name = name
    this.#writer = new CallWriter(options)
  }

  push(text: string): ToolDelta[] {
    if (text === '') return []
    if (!this.#writer.called) this.#writer.begin(this.#name)
    this.#writer.write(text)
    return this.#writer.take()
  }

  finish(): ToolDelta[] {
    return []
  }
}
