/** Groups whose work may be under way at the same time. */
const GROUPS = 2

/**
 * Work in two parts: the first parts run side by side, the second ones one after the other in the order in which they were given. Nothing
 * begins after a failure.
 */
export class OrderedWork {
  readonly #width: number
  readonly #underWay: { readonly group: string; readonly done: Promise<void> }[] = []
  #failure: { readonly error: unknown } | undefined

  /** width: pieces of work under way at once, of at most two groups. */
  constructor(width: number) {
    this.#width = width
  }

  /** Begins a piece, and waits until there is room for another. Errors: the first of any piece. */
  async add<T>(group: string, first: () => Promise<T> | T, second: (value: T) => Promise<void>): Promise<void> {
    const groups = (): Set<string> => new Set([...this.#underWay.map((each) => each.group), group])
    while (groups().size > GROUPS) await this.#oldest()
    this.#check()
    const before = this.#underWay.at(-1)?.done
    // Begun before anything is waited for.
    const value = (async () => first())()
    // Whether it fails is seen below, perhaps after the one before it.
    value.catch(() => {})
    const done = (async () => {
      await before
      if (!this.#failure) await second(await value)
    })().catch((error: unknown) => {
      this.#failure ??= { error }
    })
    this.#underWay.push({ group, done })
    while (this.#underWay.length >= this.#width) await this.#oldest()
    this.#check()
  }

  /** Waits for everything that is under way, failed or not. */
  async settle(): Promise<void> {
    while (this.#underWay.length > 0) await this.#oldest()
  }

  /** Waits for everything that is under way. Errors: the first of any piece. */
  async end(): Promise<void> {
    await this.settle()
    this.#check()
  }

  async #oldest(): Promise<void> {
    await this.#underWay[0]?.done
    this.#underWay.shift()
  }

  #check(): void {
    if (this.#failure) throw this.#failure.error
  }
}
