import { invalidRequestError } from '../util/errors.ts'

/** About a microsecond each, so that no schema or pattern is compiled for longer than about a second. */
const UNITS = 600_000

/** The work that one grammar may cost, counted and not timed, so that the same grammar always passes or always fails. */
export class Budget {
  #left = UNITS
  readonly #paid = new Set<string>()

  /** Takes `units` the first time `thing` is needed. */
  spendOnce(thing: string, units: number, what: () => string): void {
    if (this.#paid.has(thing)) return
    this.#paid.add(thing)
    this.spend(units, what)
  }

  /** Takes `units` of work. Throws InvalidRequestError naming `what` when the grammar has used up its share. */
  spend(units: number, what: () => string): void {
    this.#left -= units
    if (this.#left < 0) throw invalidRequestError(`${what()} is too complex to be enforced; use a simpler or smaller one`)
  }
}
