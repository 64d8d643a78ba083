import type { CharSet } from './char-set.ts'
import { charSet, complementOfSet, isSurrogate, setOfText } from './char-set.ts'
import type { RegexSource } from './regex-source.ts'
import { unicodeProperty } from './unicode-property.ts'

const DIGIT = charSet([[0x30, 0x39]])
const WORD = charSet([
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
])
const SPACE = charSet([
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
])
const CLASSES: Readonly<Record<string, CharSet>> = {
  d: DIGIT,
  D: complementOfSet(DIGIT),
  w: WORD,
  W: complementOfSet(WORD),
  s: SPACE,
  S: complementOfSet(SPACE),
}
const CONTROLS: Readonly<Record<string, string>> = { t: '\t', n: '\n', v: '\v', f: '\f', r: '\r' }

/** What `.` matches: everything but line ends. */
export const DOT = complementOfSet(setOfText('\n\r\u2028\u2029'))

/** Reads an escape whose backslash is already read. Throws InvalidRequestError for what an automaton can not do. */
export function readEscape(source: RegexSource, inClass: boolean): CharSet {
  const at = source.position - 1
  const char = source.take()
  if (char === undefined) throw source.fail('a lone \\ at the end', at)
  if (CLASSES[char]) return CLASSES[char]
  if (char === 'p' || char === 'P') return readProperty(source, char === 'P', at)
  if (CONTROLS[char]) return setOfText(CONTROLS[char])
  if (char === 'b' && inClass) return setOfText('\b')
  if (char === 'b' || char === 'B')
    throw source.fail(`the word boundary \\${char}`, at, 'write out the characters that may stand beside it')
  if (char === '0' && !/[0-9]/.test(source.peek() ?? '')) return [0, 0]
  if (/[0-9k]/.test(char)) throw source.fail(`the back reference \\${char}`, at, 'write out what it stands for')
  if (char === 'c') return readControl(source, at)
  if (char === 'x') return setOfCode(source, readHex(source, 2, at), at)
  if (char === 'u') return readUnicode(source, at)
  if (/[A-Za-z]/.test(char)) throw source.fail(`the unknown escape \\${char}`, at)
  return setOfText(char)
}

function setOfCode(source: RegexSource, code: number, at: number): CharSet {
  if (isSurrogate(code)) throw source.fail('half a surrogate pair', at, 'write the character itself or \\u{…}')
  return [code, code]
}

function readHex(source: RegexSource, digits: number, at: number): number {
  const text = source.rest(digits)
  if (text.length < digits || !/^[0-9a-fA-F]+$/.test(text)) throw source.fail(`an escape without its ${digits} hexadecimal digits`, at)
  source.skip(digits)
  return Number.parseInt(text, 16)
}

function readUnicode(source: RegexSource, at: number): CharSet {
  if (source.takeIf('{')) {
    const text = source.until('}')
    const code = text !== undefined && /^[0-9a-fA-F]{1,8}$/.test(text) ? Number.parseInt(text, 16) : Number.NaN
    if (!(code <= 0x10ffff)) throw source.fail('\\u{…} without a code point', at)
    return setOfCode(source, code, at)
  }
  const code = readHex(source, 4, at)
  const pair = code >= 0xd800 && code <= 0xdbff && /^\\u[dD][c-fC-F][0-9a-fA-F]{2}$/.test(source.rest(6))
  if (!pair) return setOfCode(source, code, at)
  source.skip(2)
  const whole = 0x10000 + (code - 0xd800) * 0x400 + (readHex(source, 4, at) - 0xdc00)
  return [whole, whole]
}

function readControl(source: RegexSource, at: number): CharSet {
  const letter = source.take()
  if (letter === undefined || !/[A-Za-z]/.test(letter)) throw source.fail('\\c without a letter', at)
  const code = letter.charCodeAt(0) % 32
  return [code, code]
}

function readProperty(source: RegexSource, negated: boolean, at: number): CharSet {
  const name = source.takeIf('{') ? source.until('}') : undefined
  if (name === undefined) throw source.fail('\\p without {…}', at)
  // Every first use looks at all of Unicode.
  source.budget.spendOnce(name, 40_000, () => source.name)
  const set = unicodeProperty(name)
  if (!set) throw source.fail(`the unknown Unicode property ${JSON.stringify(name)}`, at)
  return negated ? complementOfSet(set) : set
}
