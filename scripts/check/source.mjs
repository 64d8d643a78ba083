// Reading source text without a parser: what is code, what is comment, what is string.

/** @typedef {{ path: string, line: number, message: string }} Problem */
/** @typedef {Map<string, string>} Tree  Path relative to the repository, with slashes, to the file's text. */

/** The number of the line that an index falls on, from 1. */
export const lineAt = (/** @type {string} */ text, /** @type {number} */ index) => text.slice(0, index).split('\n').length

export const isScript = (/** @type {string} */ path) => /\.(ts|mjs)$/.test(path)

/** Files of one folder, as [path, text]. */
export const filesIn = (/** @type {Tree} */ tree, /** @type {string} */ folder) =>
  [...tree].filter(([path]) => path.startsWith(`${folder}/`))

const beforeRegex = /(?:^|[(,=:[!&|?{};+\-*%<>~^\n]|\b(?:return|typeof|case|in|of|do|else|void|delete|await|yield))\s*$/

/**
 * Replaces comments, and with `strings` also the contents of strings, templates and regular expressions, by spaces.
 * Every other character keeps its index. Code inside `${}` stays.
 * @param {string} text
 * @param {{ strings: boolean }} options
 */
export function mask(text, { strings }) {
  const out = [...text.replace(/[\ud800-\udfff]/g, ' ')]
  /** Open braces of each template the scan is inside of. @type {number[]} */
  const templates = []
  const blank = (/** @type {number} */ from, /** @type {number} */ to) => {
    for (let i = from; i < to; i++) if (out[i] !== '\n') out[i] = ' '
  }
  let i = 0
  while (i < text.length) {
    const char = text[i] ?? ''
    const end = endOfQuiet(text, i, templates)
    if (end > i) {
      if (char === '/' && (text[i + 1] === '/' || text[i + 1] === '*')) blank(i, end)
      else if (strings) blank(i + 1, text[end - 1] === '{' ? end - 2 : end - 1)
      i = end
      continue
    }
    const depth = templates.at(-1)
    if (depth !== undefined && char === '{') templates[templates.length - 1] = depth + 1
    if (depth !== undefined && char === '}') templates[templates.length - 1] = depth - 1
    i++
  }
  return out.join('')
}

/**
 * Where the comment, string, template part or regular expression that starts here ends; the start itself where none does.
 * @param {string} text
 * @param {number} start
 * @param {number[]} templates
 */
function endOfQuiet(text, start, templates) {
  const char = text[start]
  if (char === '/' && text[start + 1] === '/') return indexOrEnd(text, '\n', start)
  if (char === '/' && text[start + 1] === '*') return Math.min(text.length, indexOrEnd(text, '*/', start + 2) + 2)
  if (char === "'" || char === '"') return endOfString(text, start)
  if (char === '`') return endOfTemplatePart(text, start, templates)
  if (char === '}' && templates.at(-1) === 0) {
    templates.pop()
    return endOfTemplatePart(text, start, templates)
  }
  if (char === '/' && beforeRegex.test(text.slice(Math.max(0, start - 40), start))) return endOfRegex(text, start)
  return start
}

const indexOrEnd = (/** @type {string} */ text, /** @type {string} */ what, /** @type {number} */ from) => {
  const index = text.indexOf(what, from)
  return index < 0 ? text.length : index
}

/** @param {string} text @param {number} start */
function endOfString(text, start) {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === text[start]) return i + 1
    else if (text[i] === '\n') return i
  }
  return text.length
}

/** @param {string} text @param {number} start @param {number[]} templates */
function endOfTemplatePart(text, start, templates) {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '`') return i + 1
    else if (text[i] === '$' && text[i + 1] === '{') {
      templates.push(0)
      return i + 2
    }
  }
  return text.length
}

/** @param {string} text @param {number} start */
function endOfRegex(text, start) {
  let inClass = false
  for (let i = start + 1; i < text.length && text[i] !== '\n'; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '[') inClass = true
    else if (text[i] === ']') inClass = false
    else if (text[i] === '/' && !inClass) return i + 1
  }
  return start
}

/**
 * The index just behind the bracket that closes the one at `open`; the text's end where it stays open. For masked text.
 * @param {string} masked
 * @param {number} open
 */
export function closing(masked, open) {
  let depth = 0
  for (let i = open; i < masked.length; i++) {
    const char = masked[i] ?? ''
    if ('([{'.includes(char)) depth++
    if (')]}'.includes(char) && --depth === 0) return i + 1
  }
  return masked.length
}
