import { BareParser } from './bare-parser.ts'
import { isSpace } from './value-end.ts'

/** Reads the answer that tool_choice 'required' enforces: a JSON array of {"name": …, "parameters": …}. */
export class ArrayParser extends BareParser {
  protected read(char: string): void {
    if (this.place === 'text') this.writer.content(char)
    else if (this.place === 'object') this.inObject(char)
    else if (isSpace(char)) this.between += char
    else if (this.place === 'element' && char === '{') this.beginCall()
    else if (char === (this.place === 'start' ? '[' : ',') && this.place !== 'element') {
      this.between += char
      this.place = 'element'
    } else if (char === ']' && this.place === 'after') {
      this.between = ''
      this.place = 'text'
    } else this.giveBack(char)
  }

  protected end(): void {
    const broken = this.object !== undefined && !this.object.started
    if (broken || !this.writer.called) this.giveBack('')
  }
}
