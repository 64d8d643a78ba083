import { CallObject } from './call-object.ts'
import { type CallOptions, CallWriter } from './call-writer.ts'
import type { ToolCallParser, ToolDelta } from './tool-delta.ts'
import { isSpace } from './value-end.ts'

const tag = '<|python_tag|>'

/**
 * Reads bare {"name": …, "parameters": …} objects, several of them with ';' between: at the very start of an answer or after
 * <|python_tag|>. Give `accepts`, lest other JSON with a name in it be taken for a call.
 */
export class JsonParser implements ToolCallParser {
  readonly #writer: CallWriter
  readonly #accepts: ((name: string) => boolean) | undefined
  /** Where a first call may stand; in a call; after one; in text. */
  #place: 'start' | 'object' | 'after' | 'text' = 'start'
  /** What could become the tag. */
  #held = ''
  /** Space and separators since the start or the last call, given back as text if no call follows. */
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
    this.#releaseHeld()
    if (this.#place === 'start' || (this.#place === 'object' && !this.#object?.started)) this.#giveBack('')
    this.#writer.end()
    return this.#writer.take()
  }

  #read(char: string): void {
    const text = this.#held + char
    if (this.#place !== 'object' && tag.startsWith(text)) {
      this.#held = text === tag ? '' : text
      if (text === tag) {
        this.#place = 'start'
        this.#between = ''
      }
    } else if (this.#held !== '') {
      this.#releaseHeld()
      this.#read(char)
    } else this.#plain(char)
  }

  #releaseHeld(): void {
    const held = this.#held
    this.#held = ''
    for (let i = 0; i < held.length; i++) this.#plain(held.charAt(i))
  }

  #plain(char: string): void {
    if (this.#place === 'text') this.#writer.content(char)
    else if (this.#place === 'object') this.#inObject(char)
    else if (char === '{') {
      this.#object = new CallObject(this.#writer, this.#accepts)
      this.#place = 'object'
    } else if (isSpace(char) || (char === ';' && this.#place === 'after' && !this.#between.includes(';'))) this.#between += char
    else this.#giveBack(char)
  }

  #inObject(char: string): void {
    const step = this.#object?.push(char)
    if (step === 'foreign') this.#giveBack(char)
    if (step !== 'last') return
    this.#object = undefined
    this.#between = ''
    this.#place = 'after'
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
