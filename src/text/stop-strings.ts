import { invalidRequestError } from '../util/errors.ts'

/** How a stop string ends a text. */
export interface StopStringsOptions {
  /** vLLM's `include_stop_str_in_output`: ends the text after the stop string in place of before it. Default false. */
  includeStopString?: boolean
}

/** What one piece of text led to. */
export interface StopCheck {
  /** Text that is certain to belong to the output. */
  text: string
  /** The stop string that ended the output. */
  stopped?: string
}

/** Watches a growing text for stop strings. */
export interface StopStrings {
  /**
   * Takes the next piece of text. What may be the beginning of a stop string is held back until that is decided. With `active` false
   * no stop string may end inside this piece (vLLM's `min_tokens`). Default true. After a stop nothing more comes out.
   */
  push(text: string, active?: boolean): StopCheck
  /** Ends the text and returns what was held back. */
  flush(): string
}

/** The length of the longest end of `text` that is a beginning, but not the whole, of one of the stop strings. */
function openLength(text: string, stops: readonly string[]): number {
  const longest = Math.max(0, ...stops.map((stop) => stop.length - 1))
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(text.length - length)
    if (stops.some((stop) => stop.length > length && stop.startsWith(end))) return length
  }
  return 0
}

/**
 * Starts a watch. The stop string that is complete first ends the text, whatever the pieces the text comes in; of two that are
 * complete at the same character, the one listed first. Throws InvalidRequestError for an empty stop string.
 */
export function createStopStrings(stops: readonly string[], { includeStopString = false }: StopStringsOptions = {}): StopStrings {
  if (stops.includes('')) throw invalidRequestError('stop has an empty string; every stop string needs at least one character.')
  let open = '' // the end of the text so far that may begin a stop string
  let stopped: string | undefined

  const firstComplete = (text: string): { stop: string; end: number } | undefined => {
    let first: { stop: string; end: number } | undefined
    for (const stop of stops) {
      // A match must end in the new piece: what ended before it was looked at before, or was not to be looked at.
      const at = text.indexOf(stop, Math.max(0, open.length + 1 - stop.length))
      if (at >= 0 && (!first || at + stop.length < first.end)) first = { stop, end: at + stop.length }
    }
    return first
  }
  return {
    push(piece, active = true) {
      if (stopped !== undefined) return { text: '', stopped }
      const text = open + piece
      const found = active && piece !== '' ? firstComplete(text) : undefined
      const given = includeStopString ? open.length : 0
      if (found) {
        stopped = found.stop
        open = ''
        return { text: text.slice(given, includeStopString ? found.end : found.end - found.stop.length), stopped }
      }
      const held = openLength(text, stops)
      open = text.slice(text.length - held)
      return { text: includeStopString ? piece : text.slice(0, text.length - held) }
    },
    flush() {
      const rest = includeStopString ? '' : open
      open = ''
      return rest
    },
  }
}
