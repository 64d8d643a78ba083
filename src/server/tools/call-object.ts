import type { CallWriter } from './call-writer.ts'
import { isSpace, ValueEnd } from './value-end.ts'

/** What became of a character: the object goes on, it was the last one, or it does not belong to the object. */
export type ObjectStep = 'more' | 'last' | 'foreign'

const scalar = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?)$/
const isScalar = (value: string): boolean => !'{["'.includes(value.charAt(0))
// The beginning of a value that is enough to believe in JSON, and one that may still become so.
const believable = /^(?:"|\{\s*["}]|\[\s*["{[\]\d\-tfn])/
const undecided = /^(?:[{[]\s*|[-\dtfn].{0,63})$/s

/** The text in quotes, undefined if it is no JSON. */
function parseString(quoted: string): string | undefined {
  try {
    const value: unknown = JSON.parse(quoted)
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * Reads one call object, {"name": …, "arguments": …} ("parameters" is taken as well, in any order, beside other keys), character by
 * character, and writes the call out as soon as its name is known and its arguments have begun.
 */
export class CallObject {
  readonly #writer: CallWriter
  readonly #accepts: (name: string) => boolean
  #place: 'key' | 'colon' | 'value' | 'inside' | 'next' = 'key'
  #role: 'key' | 'name' | 'arguments' | 'other' = 'key'
  /** The key or value that is being read, while it is needed. */
  #value = ''
  #end: ValueEnd | undefined
  #key = ''
  #name: string | undefined
  /** The arguments as far as they are not written out; undefined before they begin. */
  #arguments: string | undefined
  #believed = false
  #started = false
  #raw = '{'

  /** Comes into being at its opening brace. */
  constructor(writer: CallWriter, accepts: ((name: string) => boolean) | undefined) {
    this.#writer = writer
    this.#accepts = accepts ?? ((): boolean => true)
  }

  /** The call has been written out; what follows can only add to it. */
  get started(): boolean {
    return this.#started
  }

  /** Everything read as long as the call has not started. */
  get raw(): string {
    return this.#raw
  }

  /** Here a tag would end the call: not in a string, unless the end of that was forgotten. */
  get takesTag(): boolean {
    return this.#place !== 'inside' || this.#end === undefined || !this.#end.inString || this.#end.broken
  }

  push(char: string): ObjectStep {
    const step = this.#place === 'inside' ? this.#inside(char) : this.#between(char)
    if (step !== 'foreign' && !this.#started) this.#raw += char
    return step
  }

  /** A character beside keys and values. */
  #between(char: string): ObjectStep {
    if (isSpace(char)) return 'more'
    if (char === '}' && (this.#place === 'key' || this.#place === 'next')) return this.#close()
    const expected = this.#place === 'colon' ? ':' : this.#place === 'next' ? ',' : undefined
    if (expected !== undefined) {
      if (char !== expected) return 'foreign'
      this.#place = this.#place === 'colon' ? 'value' : 'key'
      return 'more'
    }
    return this.#open(char) ? 'more' : 'foreign'
  }

  /** The first character of a key or a value. */
  #open(char: string): boolean {
    this.#role = this.#place === 'key' ? 'key' : this.#roleOf(this.#key)
    this.#place = 'inside'
    this.#end = new ValueEnd(char)
    if (this.#role === 'arguments') {
      this.#arguments = char
      return this.#writeArguments()
    }
    this.#value = char
    return char === '"' || this.#role === 'other'
  }

  #roleOf(key: string): 'name' | 'arguments' | 'other' {
    if (key === 'name') return 'name'
    return (key === 'arguments' || key === 'parameters') && this.#arguments === undefined ? 'arguments' : 'other'
  }

  #inside(char: string): ObjectStep {
    const where = this.#end?.push(char)
    // A line break in quotes is not JSON; in arguments that are written out it is too late to mind.
    if (this.#end?.broken && !this.#started) return 'foreign'
    if (where === 'before') return this.#finish() ? this.#between(char) : 'foreign'
    if (this.#role === 'arguments') {
      this.#arguments += char
      // Space decides nothing, and there can be much of it.
      if ((this.#started || !isSpace(char)) && !this.#writeArguments()) return 'foreign'
    } else if (!this.#started || this.#role === 'key') this.#value += char
    return where === 'inside' || this.#finish() ? 'more' : 'foreign'
  }

  /** The key or value is complete; false if it will not do. */
  #finish(): boolean {
    this.#place = this.#role === 'key' ? 'colon' : 'next'
    if (this.#role === 'key') {
      const key = parseString(this.#value)
      this.#key = key ?? ''
      return key !== undefined || this.#started
    }
    if (this.#started) return true
    if (this.#role === 'name') {
      this.#name = parseString(this.#value)
      if (!this.#name || !this.#accepts(this.#name)) return false
    } else if (this.#role === 'arguments') {
      this.#believed ||= scalar.test(this.#arguments ?? '')
      if (!this.#believed) return false
    } else if (isScalar(this.#value) && !scalar.test(this.#value)) return false
    if (this.#name !== undefined && this.#arguments !== undefined) this.#start()
    return true
  }

  /** Writes the new part of the arguments out as soon as that may be; false if they are not JSON. */
  #writeArguments(): boolean {
    const text = this.#arguments ?? ''
    if (this.#started) {
      this.#writer.write(text)
      this.#arguments = ''
      return true
    }
    this.#believed ||= believable.test(text)
    if (this.#believed && this.#name !== undefined) this.#start()
    return this.#believed || undecided.test(text)
  }

  #start(): void {
    this.#writer.begin(this.#name ?? '')
    this.#started = true
    this.#raw = ''
    this.#writeArguments()
  }

  #close(): ObjectStep {
    if (this.#started) return 'last'
    if (this.#name === undefined) return 'foreign'
    // A function without parameters.
    this.#arguments = '{}'
    this.#start()
    return 'last'
  }
}
