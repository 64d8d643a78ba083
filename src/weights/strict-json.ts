/**
 * What JSON.parse forgives, found in text that JSON.parse has accepted: a key given twice in one object (JSON.parse keeps the last),
 * and a number that is not a plain unsigned integer below 2^53 (JSON.parse rounds it).
 */
export interface JsonFlaws {
  readonly duplicateKey: string | undefined
  readonly badNumber: string | undefined
}

const QUOTE = 34
const COMMA = 44
const COLON = 58
const BACKSLASH = 92

/** Looks through valid JSON for the first flaw of each kind. */
export function findJsonFlaws(text: string): JsonFlaws {
  let duplicateKey: string | undefined
  let badNumber: string | undefined
  // One set of keys per open object; undefined for an open array.
  const open: (Set<string> | undefined)[] = []
  let at = 0
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      const end = endOfString(text, at)
      const keys = open.at(-1)
      if (keys && text.charCodeAt(skipBlanks(text, end)) === COLON) {
        const key = JSON.parse(text.slice(at, end)) as string
        if (keys.has(key)) duplicateKey ??= key
        keys.add(key)
      }
      at = end
    } else if (code === 45 || (code >= 48 && code <= 57)) {
      const end = endOfNumber(text, at)
      const token = text.slice(at, end)
      if (!/^\d+$/.test(token) || !Number.isSafeInteger(Number(token))) badNumber ??= token
      at = end
    } else {
      if (code === 123) open.push(new Set())
      else if (code === 91) open.push(undefined)
      else if (code === 125 || code === 93) open.pop()
      at++
    }
  }
  return { duplicateKey, badNumber }
}

/** Index just after the string whose opening quote is at `start`. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === BACKSLASH) at++
    else if (code === QUOTE) return at + 1
  }
  return text.length
}

function skipBlanks(text: string, start: number): number {
  let at = start
  while (at < text.length && text.charCodeAt(at) <= 32) at++
  return at
}

function endOfNumber(text: string, start: number): number {
  let at = start
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code <= 32 || code === COMMA || code === 93 || code === 125) break
    at++
  }
  return at
}
