import { CharacterParser } from './character-parser.ts'

/** A parser of calls that stand bare, with separators between them: once anything else has come, all that follows is text. */
export abstract class BareParser extends CharacterParser {
  /** Before the first call; where one must begin; in one; after one; in text. */
  protected place: 'start' | 'element' | 'object' | 'after' | 'text' = 'start'
  /** Separators and space since the start or the last call, given back as text if no call follows. */
  protected between = ''

  protected beginCall(): void {
    this.openObject()
    this.place = 'object'
  }

  protected inObject(char: string): void {
    const step = this.object?.push(char)
    if (step === 'foreign') this.giveBack(char)
    if (step !== 'last') return
    this.object = undefined
    this.between = ''
    this.place = 'after'
  }

  /** From here on it is text. */
  protected giveBack(char: string): void {
    if (!this.object?.started) this.writer.content(this.between + (this.object?.raw ?? ''))
    this.writer.content(char)
    this.between = ''
    this.object = undefined
    this.place = 'text'
  }
}
