import { CharacterParser } from './character-parser.ts'
import { isSpace } from './value-end.ts'

const startTag = '<tool_call>'
const endTag = '</tool_call>'

/** Reads <tool_call>{"name": …, "arguments": …}</tool_call>, any number of them with text around. A missing end tag is forgiven. */
export class HermesParser extends CharacterParser {
  /** In text; after a start tag; in the object of a call. */
  #place: 'text' | 'tag' | 'object' = 'text'
  /** What could become a tag. */
  #held = ''
  /** The start tag and the space after it, given back as text if there is no call. */
  #opening = ''
  /** An object has ended, its end tag has not been seen. */
  #unclosed = false

  protected end(): void {
    // Half an end tag is nobody's text.
    if (this.#held.length < 2 || !this.#takesEnd || !endTag.startsWith(this.#held)) this.#releaseHeld()
    this.#leave()
  }

  protected read(char: string): void {
    const text = this.#held + char
    if (this.#takesStart && startTag.startsWith(text)) {
      if (text !== startTag) this.#held = text
      else this.#open()
    } else if (this.#takesEnd && endTag.startsWith(text)) {
      if (text !== endTag) this.#held = text
      else this.#close()
    } else if (this.#held !== '') {
      this.#releaseHeld()
      this.read(char)
    } else this.#plain(char)
  }

  get #takesStart(): boolean {
    return this.#place !== 'object' || (this.object?.takesTag ?? true)
  }

  get #takesEnd(): boolean {
    return this.#place === 'text' ? this.#unclosed : this.#place === 'object' && this.object?.started === true && this.object.takesTag
  }

  #releaseHeld(): void {
    const held = this.#held
    this.#held = ''
    for (let i = 0; i < held.length; i++) this.#plain(held.charAt(i))
  }

  #open(): void {
    this.#leave()
    this.#held = ''
    this.#place = 'tag'
    this.#opening = startTag
    this.#unclosed = false
  }

  #close(): void {
    this.writer.dropBlank()
    this.#held = ''
    this.object = undefined
    this.#place = 'text'
    this.#unclosed = false
  }

  /** Back to text; what has not become a call is given back. */
  #leave(): void {
    if (this.#place === 'tag' || (this.#place === 'object' && !this.object?.started)) {
      this.writer.content(this.#opening + (this.object?.raw ?? ''))
    }
    this.#unclosed = this.object?.started ?? false
    this.object = undefined
    this.#place = 'text'
  }

  /** A character that is not part of a tag. */
  #plain(char: string): void {
    if (this.#place === 'tag' && isSpace(char)) {
      this.#opening += char
    } else if (this.#place === 'tag' && char === '{') {
      this.openObject()
      this.#place = 'object'
    } else if (this.#place === 'object') {
      const step = this.object?.push(char)
      if (step !== 'more') this.#leave()
      if (step === 'foreign') this.writer.content(char)
    } else {
      if (this.#place === 'tag') this.#leave()
      this.writer.content(char)
    }
  }
}
