import { CallObject } from './call-object.ts'
import { type CallOptions, CallWriter } from './call-writer.ts'
import type { ToolCallParser, ToolDelta } from './tool-delta.ts'
import { isSpace } from './value-end.ts'

/** Reads the answer that tool_choice 'required' enforces: a JSON array of {"name": …, "parameters": …}. */
export class ArrayParser implements ToolCallParser {
  readonly #writer: CallWriter
  readonly #accepts: ((name: string) => boolean) | undefined
  /** Before the array; where a call may begin; in one; after one; past the array, or in an answer that is none. */
  #place: 'start' | 'element' | 'object' | 'next' | 'text' = 'start'
  /** Brackets, commas and space since the start or the last call, given back as text if no call follows. */
  #between = ''
  #object: CallObject | undefined

  constructor(options: CallOptions = {}) {
    this.#writer = new CallWriter(options)
    this.#accepts = options.accepts
  }

  get called(): boolean {
    return this.#writer.called
  }

  push(text: string): ToolDelta[] {
    for (let i = 0; i < text.length; i++) this.#read(text.charAt(i))
    return this.#writer.take()
  }

  finish(): ToolDelta[] {
    const broken = this.#object !== undefined && !this.#object.started
    if (broken || !this.#writer.called) this.#giveBack('')
    this.#writer.end()
    return this.#writer.take()
  }

  #read(char: string): void {
    if (this.#place === 'text') this.#writer.content(char)
    else if (this.#place === 'object') this.#inObject(char)
    else if (isSpace(char)) this.#between += char
    else if (this.#place === 'element' && char === '{') {
      this.#object = new CallObject(this.#writer, this.#accepts)
      this.#place = 'object'
    } else if (char === (this.#place === 'start' ? '[' : ',') && this.#place !== 'element') {
      this.#between += char
      this.#place = 'element'
    } else if (char === ']' && this.#place === 'next') {
      this.#between = ''
      this.#place = 'text'
    } else this.#giveBack(char)
  }

  #inObject(char: string): void {
    const step = this.#object?.push(char)
    if (step === 'foreign') this.#giveBack(char)
    if (step !== 'last') return
    this.#object = undefined
    this.#between = ''
    this.#place = 'next'
  }

  /** From here on it is text. */
  #giveBack(char: string): void {
    if (!this.#object?.started) this.#writer.content(this.#between + (this.#object?.raw ?? ''))
    this.#writer.content(char)
    this.#between = ''
    this.#object = undefined
    this.#place = 'text'
  }
}
