// Files, functions and shaders stay short; names are kebab-case.
import { closing, isScript, lineAt, mask } from './source.mjs'

const MAX_FILE = 400
const MAX_FUNCTION = 60
const MAX_SHADER = 200

const lines = (/** @type {string} */ text) => text.replace(/\n$/, '').split('\n').length

/**
 * Source files over 400 lines, shaders over 200, functions over 60.
 * @param {import('./source.mjs').Tree} tree
 * @returns {import('./source.mjs').Problem[]}
 */
export function checkSizes(tree) {
  return [...tree].flatMap(([path, text]) => {
    if (!isScript(path) && !path.endsWith('.wgsl')) return []
    const most = path.endsWith('.wgsl') ? MAX_SHADER : MAX_FILE
    const count = lines(text)
    const long = count > most ? [{ path, line: most + 1, message: `${count} lines; at most ${most}` }] : []
    if (!isScript(path)) return long
    const functions = functionsOf(text).filter(({ length }) => length > MAX_FUNCTION)
    return [
      ...long,
      ...functions.map(({ name, line, length }) => ({ path, line, message: `${name} has ${length} lines; at most ${MAX_FUNCTION}` })),
    ]
  })
}

const notMethods = new Set(['if', 'else', 'for', 'while', 'switch', 'catch', 'with', 'return', 'function', 'super', 'await', 'describe'])

/**
 * Functions, methods and arrow functions with a body in braces: name, first line, number of lines. Bodies of `describe` are lists of
 * tests, not functions, and are left out.
 * @param {string} text
 */
export function functionsOf(text) {
  const code = mask(text, { strings: true })
  const found = []
  for (const match of code.matchAll(/\bfunction\b\s*\*?\s*(\w*)\s*(?:<[^(]*>)?\s*\(|^[ \t]+(?:[a-z]+ )*\*?(#?\w+)\s*(?:<[^(\n]*>)?\(/gm)) {
    const name = match[1] ?? match[2] ?? ''
    if (match[2] !== undefined && notMethods.has(name)) continue
    const open = bodyAfter(code, closing(code, match.index + match[0].length - 1))
    if (open !== undefined) found.push(measure(code, name || 'a function', match.index + match[0].search(/\S/), open))
  }
  for (const match of code.matchAll(/=>\s*\{/g)) {
    const head = code.slice(code.lastIndexOf('\n', match.index) + 1, match.index)
    if (/\bdescribe(\.\w+)*\(/.test(head)) continue
    const name = /(?:const|let)\s+(\w+)|(\w+)\s*[:=(][^:=(]*$/.exec(head)
    found.push(measure(code, name?.[1] ?? name?.[2] ?? 'an arrow function', match.index, match.index + match[0].length - 1))
  }
  return found
}

/** @param {string} code @param {string} name @param {number} start @param {number} open */
function measure(code, name, start, open) {
  const line = lineAt(code, start)
  return { name, line, length: lineAt(code, closing(code, open) - 1) - line + 1 }
}

/**
 * The brace that opens the body after a parameter list, over a return type if one is written; undefined for a call or a signature.
 * @param {string} code
 * @param {number} from
 */
function bodyAfter(code, from) {
  let i = from
  while (code[i] === ' ') i++
  if (code[i] === '{') return i
  if (code[i] !== ':') return undefined
  let before = ':'
  for (i++; i < code.length; ) {
    const char = code[i] ?? ''
    if (char === '\n' && !/[:|&]|=>/.test(before) && !/^\s*[|&{]/.test(code.slice(i, i + 80))) return undefined
    if (/\s/.test(char)) {
      i++
      continue
    }
    // After one of these a brace opens a type such as `{ a: number }`.
    if (char === '{' && !/^([:|&]|=>)$/.test(before)) return i
    if (/[;,)}]/.test(char)) return undefined
    const next = '([{'.includes(char) ? closing(code, i) : char === '<' ? closingAngle(code, i) : code.startsWith('=>', i) ? i + 2 : i + 1
    before = next - i === 2 ? '=>' : (code[next - 1] ?? '')
    i = next
  }
  return undefined
}

/** @param {string} code @param {number} open */
function closingAngle(code, open) {
  let depth = 0
  for (let i = open; i < code.length; i++) {
    if (code[i] === '<') depth++
    if (code[i] === '>' && code[i - 1] !== '=' && --depth === 0) return i + 1
  }
  return code.length
}

const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*$/

/** Files named after something that has its own spelling: families after their model_type, Python modules as Python wants them. */
const ownSpelling = [/^(src|test)\/models\//, /\.py$/]

/**
 * Files and folders whose names are not kebab-case.
 * @param {import('./source.mjs').Tree} tree
 * @returns {import('./source.mjs').Problem[]}
 */
export function checkNames(tree) {
  return [...tree.keys()].flatMap((path) => {
    const allowed = ownSpelling.some((pattern) => pattern.test(path)) ? /^[a-z0-9_]+([-.][a-z0-9_]+)*$/ : kebab
    const bad = path.split('/').filter((part) => !allowed.test(part))
    return bad.map((part) => ({ path, line: 1, message: `${part} is not kebab-case` }))
  })
}
