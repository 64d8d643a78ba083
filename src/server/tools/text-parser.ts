import type { ToolCallParser, ToolDelta } from './tool-delta.ts'

/** Finds no calls: all is content. */
export class TextParser implements ToolCallParser {
  readonly called = false

  push(text: string): ToolDelta[] {
    return text === '' ? [] : [{ content: text }]
  }

  finish(): ToolDelta[] {
    return []
  }
}
