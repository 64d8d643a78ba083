import { CallObject } from './call-object.ts'
import { type CallOptions, CallWriter } from './call-writer.ts'
import type { ToolCallParser, ToolDelta } from './tool-delta.ts'

/** A parser that reads letter by letter, and whose calls are JSON objects. */
export abstract class CharacterParser implements ToolCallParser {
  protected readonly writer: CallWriter
  /** The call that is being read. */
  protected object: CallObject | undefined
  readonly #accepts: ((name: string) => boolean) | undefined

  constructor(options: CallOptions = {}) {
    this.writer = new CallWriter(options)
    this.#accepts = options.accepts
  }

  get called(): boolean {
    return this.writer.called
  }

  push(text: string): ToolDelta[] {
    for (let i = 0; i < text.length; i++) this.read(text.charAt(i))
    return this.writer.take()
  }

  finish(): ToolDelta[] {
    this.end()
    this.writer.end()
    return this.writer.take()
  }

  protected abstract read(char: string): void

  /** Gives out what was held back. */
  protected abstract end(): void

  protected openObject(): void {
    this.object = new CallObject(this.writer, this.#accepts)
  }
}
