/** JSON's whitespace. */
export const isSpace = (char: string): boolean => char === ' ' || char === '\n' || char === '\r' || char === '\t'

/** Finds the end of one JSON value that is given character by character. Looks at strings and brackets only, so it takes bad JSON too. */
export class ValueEnd {
  #kind: 'string' | 'nested' | 'scalar'
  #depth = 0
  #inString = false
  #escaped = false
  #broken = false

  /** `first` is the value's first character. */
  constructor(first: string) {
    this.#kind = first === '"' ? 'string' : first === '{' || first === '[' ? 'nested' : 'scalar'
    this.#inString = this.#kind === 'string'
    this.#depth = this.#kind === 'nested' ? 1 : 0
  }

  /** The place is inside of quotes. */
  get inString(): boolean {
    return this.#inString
  }

  /** The string here holds a character that JSON writes as an escape, so its end may have been forgotten. */
  get broken(): boolean {
    return this.#inString && this.#broken
  }

  /** Whether the value goes on after this next character, ends with it or ended before it. */
  push(char: string): 'inside' | 'last' | 'before' {
    if (this.#inString) return this.#pushQuoted(char)
    if (this.#kind === 'scalar') return isSpace(char) || ',}]{["'.includes(char) ? 'before' : 'inside'
    if (char === '"') {
      this.#inString = true
      this.#broken = false
    } else if (char === '{' || char === '[') this.#depth++
    else if ((char === '}' || char === ']') && --this.#depth === 0) return 'last'
    return 'inside'
  }

  #pushQuoted(char: string): 'inside' | 'last' {
    if (this.#escaped) this.#escaped = false
    else if (char === '\\') this.#escaped = true
    else if (char < ' ') this.#broken = true
    else if (char === '"') {
      this.#inString = false
      return this.#kind === 'string' ? 'last' : 'inside'
    }
    return 'inside'
  }
}
