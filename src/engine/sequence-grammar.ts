import type { TokenMatcher } from '../grammar/index.ts'
import { invalidRequestError } from '../util/errors.ts'

/** How far a sequence's text has come in the grammar it must follow. It moves with the sequence's tokens and survives being put back. */
export class SequenceGrammar {
  readonly #matcher: TokenMatcher
  #mask: Uint32Array | undefined

  constructor(matcher: TokenMatcher) {
    this.#matcher = matcher
  }

  /** A bit per token that may come next; end tokens only where the text may end. */
  get mask(): Uint32Array {
    this.#mask ??= this.#matcher.mask()
    return this.#mask
  }

  /** Nothing but the end may follow. */
  get isComplete(): boolean {
    const { isFinished, canEnd } = this.#matcher
    return isFinished || (canEnd && this.#isStuck)
  }

  /** Moves past a chosen token. Errors: it is not in the mask. */
  accept(token: number): void {
    if (!this.#matcher.accept(token)) throw new Error(`Token ${token} was chosen, which the grammar does not allow here.`)
    this.#mask = undefined
  }

  /** Errors: InvalidRequestError when the text may neither go on nor end, as the vocabulary has no token that fits. */
  check(): void {
    const { isFinished, canEnd } = this.#matcher
    if (isFinished || canEnd || !this.#isStuck) return
    throw invalidRequestError(
      "structured_outputs asks for a text that the model's tokens cannot write: none of them fits what has been written so far; ask for other characters.",
    )
  }

  get #isStuck(): boolean {
    return this.mask.every((word) => word === 0)
  }
}
