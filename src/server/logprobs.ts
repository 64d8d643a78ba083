import type { Logprob, LogprobsAt } from '../protocol/outputs.ts'

/** JSON has no infinities; OpenAI's and vLLM's stand-in for them. */
const LOWEST = -9999

const clamp = (logprob: number): number => Math.max(logprob, LOWEST)

type Ranked = readonly [id: number, entry: Logprob]

/** The likeliest first. */
const ranked = (at: LogprobsAt): Ranked[] =>
  Object.entries(at)
    .map(([id, entry]): Ranked => [Number(id), entry])
    .sort(([, a], [, b]) => a.rank - b.rank)

const tokenText = (id: number, entry: Logprob | undefined, asIds: boolean): string =>
  asIds ? `token_id:${id}` : (entry?.decoded_token ?? '')

/** A token in the log-probabilities of a chat. */
export interface ChatLogprob {
  token: string
  logprob: number
  bytes: number[]
}

/** A token of the answer with the likeliest ones at its place. */
export interface ChatLogprobs extends ChatLogprob {
  top_logprobs: ChatLogprob[]
}

/** Log-probabilities as chat answers have them: `top` alternatives for each token. `asIds` writes tokens as token_id:… (vLLM). */
export function chatLogprobs(ids: readonly number[], at: readonly LogprobsAt[], top: number, asIds: boolean): ChatLogprobs[] {
  const entryOf = ([id, entry]: readonly [number, Logprob | undefined]): ChatLogprob => {
    const token = tokenText(id, entry, asIds)
    return { token, logprob: clamp(entry?.logprob ?? LOWEST), bytes: [...new TextEncoder().encode(token)] }
  }
  return ids.map((id, i) => ({
    ...entryOf([id, at[i]?.[id]]),
    top_logprobs: ranked(at[i] ?? {})
      .slice(0, top)
      .map(entryOf),
  }))
}

/** Log-probabilities as text completions have them. Offsets count characters (code points), as in vLLM. */
export interface CompletionLogprobs {
  text_offset: number[]
  token_logprobs: (number | null)[]
  tokens: string[]
  top_logprobs: (Record<string, number> | null)[]
}

/** Writes the log-probabilities of one continuation, piece by piece. */
export class CompletionLogprobsWriter {
  readonly #asIds: boolean
  #offset = 0

  constructor(asIds: boolean) {
    this.#asIds = asIds
  }

  /** Entry null: nothing is known of that token but its text, `unknown`. */
  write(ids: readonly number[], at: readonly (LogprobsAt | null)[], unknown = ''): CompletionLogprobs {
    const written: CompletionLogprobs = { text_offset: [], token_logprobs: [], tokens: [], top_logprobs: [] }
    for (const [i, id] of ids.entries()) {
      const known = at[i] ?? null
      const entry = known?.[id]
      const token = entry || this.#asIds ? tokenText(id, entry, this.#asIds) : unknown
      written.text_offset.push(this.#offset)
      written.tokens.push(token)
      written.token_logprobs.push(entry ? clamp(entry.logprob) : null)
      written.top_logprobs.push(known && this.#alternatives(known))
      this.#offset += [...token].length
    }
    return written
  }

  #alternatives(at: LogprobsAt): Record<string, number> {
    return Object.fromEntries(ranked(at).map(([id, entry]) => [tokenText(id, entry, this.#asIds), clamp(entry.logprob)]))
  }
}

/** Log-probabilities of the prompt as vLLM writes them, by token id. */
export const promptLogprobs = (all: readonly (LogprobsAt | null)[] | null | undefined): (LogprobsAt | null)[] | null =>
  all?.map((at) => at && Object.fromEntries(Object.entries(at).map(([id, entry]) => [id, { ...entry, logprob: clamp(entry.logprob) }]))) ??
  null
