import { invalidRequestError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'
import type { Budget } from './budget.ts'

/** The text of a regular expression and how far it is read. */
export class RegexSource {
  readonly budget: Budget
  /** What errors call it, such as `the pattern "a+" at /properties/a/pattern`. */
  readonly name: string
  /** Counted in characters, not in UTF-16 units. */
  position = 0
  readonly #chars: readonly string[]

  constructor(pattern: string, where: string, budget: Budget) {
    this.#chars = [...pattern]
    this.name = `${where} ${showValue(pattern)}`
    this.budget = budget
    budget.spend(this.#chars.length, () => this.name)
  }

  peek(): string | undefined {
    return this.#chars[this.position]
  }

  take(): string | undefined {
    return this.#chars[this.position++]
  }

  takeIf(char: string): boolean {
    if (this.peek() !== char) return false
    this.position++
    return true
  }

  skip(count: number): void {
    this.position += count
  }

  /** The next `count` characters, or what is left. */
  rest(count: number): string {
    return this.#chars.slice(this.position, this.position + count).join('')
  }

  /** Reads up to and over a character, at most 100 of them. */
  until(end: string): string | undefined {
    const found = this.#chars.slice(this.position, this.position + 100).indexOf(end)
    if (found < 0) return undefined
    const text = this.rest(found)
    this.skip(found + 1)
    return text
  }

  /** The error for something at a position. */
  fail(thing: string, position: number, advice = 'use a regular expression of ECMA-262 without lookaround and back references'): Error {
    return invalidRequestError(`${this.name} has ${thing} at character ${position}, which can not be enforced; ${advice}`)
  }
}
