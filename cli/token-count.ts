/** Reads a request's tokens from its answer while it passes, for the log. */
export class TokenCount {
  #prompt: string | undefined
  #completion: string | undefined

  /** One piece of the answer. In texts of the model quotes are escaped, so that it cannot be taken in. */
  see(piece: string): void {
    const at = piece.lastIndexOf('"usage":{')
    if (at < 0) return
    const usage = piece.slice(at, at + 400)
    this.#prompt = /"prompt_tokens":(\d+)/.exec(usage)?.[1] ?? this.#prompt
    this.#completion = /"completion_tokens":(\d+)/.exec(usage)?.[1] ?? this.#completion
  }

  /** e.g. '21 + 64 tokens'; empty where the answer did not say. */
  text(): string {
    return this.#prompt === undefined ? '' : `${this.#prompt} + ${this.#completion ?? 0} tokens`
  }
}
