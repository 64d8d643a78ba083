import { LruMap } from '../util/lru-map.ts'
import type { CharSet } from './char-set.ts'
import { charSet, LAST_CODE_POINT } from './char-set.ts'

const CHUNK = 0x1000
const known = new LruMap<string, CharSet>({ capacity: 64 })

/**
 * The characters of \p{name}, such as L, Lu, Script=Greek or Emoji, as this JavaScript engine's own regular expressions know them.
 * Undefined for a name it does not know.
 */
export function unicodeProperty(name: string): CharSet | undefined {
  const cached = known.get(name)
  if (cached) return cached
  if (!/^[A-Za-z0-9_]+(=[A-Za-z0-9_]+)?$/.test(name)) return undefined
  let runs: RegExp
  try {
    runs = new RegExp(`\\p{${name}}+`, 'gu')
  } catch {
    return undefined
  }
  const set = scan(runs)
  known.set(name, set)
  return set
}

function scan(runs: RegExp): CharSet {
  const pairs: [number, number][] = []
  for (let base = 0; base <= LAST_CODE_POINT; base += CHUNK) {
    // The block with the surrogates is skipped up to them: alone they are no characters, and side by side they would pair up.
    const codes = Array.from({ length: CHUNK }, (_, i) => base + i).filter((code) => code < 0xd800 || code > 0xdfff)
    if (codes.length === 0) continue
    const wide = base > 0xffff ? 2 : 1
    for (const match of String.fromCodePoint(...codes).matchAll(runs)) {
      const first = codes[match.index / wide]!
      pairs.push([first, first + match[0].length / wide - 1])
    }
  }
  return charSet(pairs)
}
