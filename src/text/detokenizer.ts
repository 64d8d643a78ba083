import type { TokenTable } from './token-table.ts'

/** How ids become text. */
export interface DetokenizerOptions {
  /** Leaves special tokens out of the text. Default true, as in vLLM. */
  skipSpecialTokens?: boolean
}

/** Turns token ids into text as they come. */
export interface Detokenizer {
  /** Takes one token and returns the text that became certain: possibly none, never a part of a character. */
  push(id: number): string
  /** Ends the text and returns what is left; a character cut off in the middle becomes U+FFFD. */
  flush(): string
}

/** One replacement character per byte if the run as a whole is not UTF-8: the rule of the tokenizers library's ByteFallback. */
function decodeRun(run: readonly number[]): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(run))
  } catch {
    return '\uFFFD'.repeat(run.length)
  }
}

/**
 * Starts a text. The pieces of `push` and the last one of `flush`, joined, are exactly what the tokenizers library decodes from all
 * ids at once. For that, a run of byte-fallback tokens is held back until a token of another kind ends it; tokens of a byte-level
 * vocabulary give their text as soon as a character is whole.
 */
export function createDetokenizer(table: TokenTable, { skipSpecialTokens = true }: DetokenizerOptions = {}): Detokenizer {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let run: number[] = []
  let leadingSpaces = table.leadingSpaces

  const endRun = (): string => {
    if (run.length === 0) return ''
    const text = decodeRun(run)
    run = []
    return text
  }
  const dropLeading = (text: string): string => {
    let start = 0
    while (leadingSpaces > 0 && start < text.length) {
      if (text[start] === ' ') {
        start++
        leadingSpaces--
      } else leadingSpaces = 0
    }
    return text.slice(start)
  }
  return {
    push(id) {
      if (skipSpecialTokens && table.isSpecial(id)) return ''
      const bytes = table.tokenBytes(id)
      if (bytes.length === 0) return ''
      if (table.isFallbackByte(id)) {
        run.push(...bytes)
        return ''
      }
      return dropLeading(endRun() + decoder.decode(bytes, { stream: true }))
    },
    flush: () => dropLeading(endRun() + decoder.decode()),
  }
}
