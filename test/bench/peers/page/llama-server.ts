/** What llama.cpp says of an answer's speed. */
export interface LlamaTimings {
  /** Tokens of the prompt that were in the cache already. */
  readonly cache_n?: number
  readonly prompt_n: number
  readonly prompt_ms: number
  readonly predicted_n: number
  readonly predicted_ms: number
}

/** Tokens a second. */
export interface LlamaSpeeds {
  readonly prefill: number
  /** From the first token of the answer to its last; 0 for an answer of one. */
  readonly decode: number
}

/** A prompt with as many tokens as characters, in a vocabulary that begins with ASCII. */
export function textPrompt(length: number): string {
  const words = 'seven quick foxes jump over lazy dogs while rivers wind through green hills '
  return words.repeat(Math.ceil(length / words.length)).slice(0, length)
}

/**
 * The speeds of an answer. The first token comes with the prompt: some of llama.cpp's programs count it among those predicted, none among
 * their time. Errors: the whole prompt was not read, or came out of the cache, or the answer has another length.
 */
export function speeds(timings: LlamaTimings | undefined, prompt: number, answer: number): LlamaSpeeds {
  if (!timings) throw new Error('llama.cpp gave no timings')
  const { prompt_n, prompt_ms, predicted_n, predicted_ms, cache_n = 0 } = timings
  if (prompt_n !== prompt || cache_n !== 0 || (predicted_n !== answer && predicted_n !== answer - 1)) {
    throw new Error(`llama.cpp read ${prompt_n} of ${prompt} tokens (${cache_n} out of its cache) and wrote ${predicted_n} of ${answer}`)
  }
  return { prefill: (prompt * 1000) / prompt_ms, decode: answer > 1 ? ((answer - 1) * 1000) / predicted_ms : 0 }
}

/** Whether all of these are finite numbers, and there are any. */
export function allFinite(values: readonly unknown[]): boolean {
  return values.length > 0 && values.every((value) => typeof value === 'number' && Number.isFinite(value))
}

/** What llama.cpp's log says of where the model went. */
export interface Offload {
  /** The GPU's name, if the log has it. */
  readonly name: string | undefined
  /** Some layers stayed behind, in words; empty if none did. */
  readonly rest: string
}

/** Reads llama.cpp's log of a model's loading. */
export function offloadOf(logged: readonly string[]): Offload {
  const find = (pattern: RegExp): RegExpExecArray | undefined =>
    logged.map((line) => pattern.exec(line)).find((match) => match !== null) ?? undefined
  const [, name] = find(/using device \S+ \((.+?)\) (?:\(|- )/) ?? []
  const [, there, all] = find(/offloaded (\d+)\/(\d+) layers/) ?? []
  return { name, rest: there === all ? '' : `, ${there} of ${all} layers` }
}
