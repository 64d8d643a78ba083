/** How long a page lives, for those who wait for something from it. */
export class PageLife {
  /** Never resolves; rejects with the reason at the end. */
  readonly gone: Promise<never>
  readonly #waiting = new Set<(reason: Error) => void>()
  #reject: (reason: Error) => void = () => {}
  #reason: Error | undefined

  constructor() {
    this.gone = new Promise((_, reject) => {
      this.#reject = reject
    })
    this.gone.catch(() => {})
  }

  /** Pieces of work under way. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** The page has ended; the first reason holds. */
  end(reason: Error): void {
    this.#reason ??= reason
    this.#reject(this.#reason)
    for (const fail of this.#waiting) fail(this.#reason)
  }

  /** What `work` gives, or the end's reason if that comes first. A race with `gone` would keep every piece of work for as long as the page lives. */
  async orEnd<T>(work: Promise<T>): Promise<T> {
    let stop = (): void => {}
    const ended = new Promise<never>((_, reject) => {
      if (this.#reason) return reject(this.#reason)
      this.#waiting.add(reject)
      stop = () => this.#waiting.delete(reject)
    })
    try {
      return await Promise.race([work, ended])
    } finally {
      stop()
    }
  }
}
