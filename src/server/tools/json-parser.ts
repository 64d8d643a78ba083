import { BareParser } from './bare-parser.ts'
import { isSpace } from './value-end.ts'

const tag = '<|python_tag|>'

/**
 * Reads bare {"name": …, "parameters": …} objects, several of them with ';' between: at the very start of an answer or after
 * <|python_tag|>. Give `accepts`, lest other JSON with a name in it be taken for a call.
 */
export class JsonParser extends BareParser {
  /** What could become the tag. */
  #held = ''

  protected read(char: string): void {
    const text = this.#held + char
    if (this.place !== 'object' && tag.startsWith(text)) {
      this.#held = text === tag ? '' : text
      if (text === tag) {
        this.place = 'start'
        this.between = ''
      }
    } else if (this.#held !== '') {
      this.#releaseHeld()
      this.read(char)
    } else this.#plain(char)
  }

  protected end(): void {
    this.#releaseHeld()
    if (this.place === 'start' || (this.place === 'object' && !this.object?.started)) this.giveBack('')
  }

  #releaseHeld(): void {
    const held = this.#held
    this.#held = ''
    for (let i = 0; i < held.length; i++) this.#plain(held.charAt(i))
  }

  #plain(char: string): void {
    if (this.place === 'text') this.writer.content(char)
    else if (this.place === 'object') this.inObject(char)
    else if (char === '{') this.beginCall()
    else if (isSpace(char) || (char === ';' && this.place === 'after' && !this.between.includes(';'))) this.between += char
    else this.giveBack(char)
  }
}
