/** GPU time that a submit of decode steps should take: long enough to hide the way to the CPU and back, short enough to stop soon. */
const DECODE_MILLISECONDS = 10
/** GPU time that a submit of prompt tokens may take: a visible page shares the GPU, and stutters while it is held. */
const PROMPT_MILLISECONDS = 100
/** Steps per submit at most; two submits may be under way. */
export const MAX_STEPS = 32
/** Prompt tokens per submit at least: fewer would read all weights for too little. */
const MIN_TOKENS = 64

/** An average that follows its last few values. */
class Average {
  value: number | undefined

  add(next: number): void {
    this.value = this.value === undefined ? next : this.value + (next - this.value) / 4
  }
}

/** Learns how long steps take, and says how much to put into one submit. Times are in milliseconds. */
export class StepPacer {
  readonly #perStep = new Average()
  readonly #perToken = new Average()
  #lastEnd = 0

  /** Decode steps worth encoding in one submit. */
  get steps(): number {
    const { value } = this.#perStep
    return value === undefined ? 1 : Math.min(MAX_STEPS, Math.max(1, Math.round(DECODE_MILLISECONDS / value)))
  }

  /** Prompt tokens worth computing in one submit: a power of two, so that chunks are of few sizes. */
  get tokens(): number {
    const { value } = this.#perToken
    return value === undefined ? Number.POSITIVE_INFINITY : Math.max(MIN_TOKENS, 2 ** Math.floor(Math.log2(PROMPT_MILLISECONDS / value)))
  }

  /** Notes a submit of decode steps: when it was made and when its result was there. */
  noteSteps(steps: number, began: number, ended: number): void {
    this.#perStep.add(this.#span(began, ended) / steps)
  }

  /** Notes a submit with prompt tokens. Small ones say little about large ones and are passed over. */
  noteTokens(tokens: number, began: number, ended: number): void {
    const span = this.#span(began, ended)
    if (tokens >= MIN_TOKENS / 2) this.#perToken.add(span / tokens)
  }

  /** A submit that had to wait for the one before it began when that one ended. */
  #span(began: number, ended: number): number {
    const span = Math.max(0.001, ended - Math.max(began, this.#lastEnd))
    this.#lastEnd = ended
    return span
  }
}
