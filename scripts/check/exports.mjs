// What others use is explained: exports have docstrings. Types are said: there is no `any`.
import { posix } from 'node:path'
import { filesIn, isScript, lineAt, mask } from './source.mjs'

const declaration = /^export (?:declare )?(?:abstract )?(?:async )?(function\*?|class|interface|type|const|let) ([\w$]+)([^\n]*)/gm

/**
 * Exports of a file: name, kind, line, whether a docstring stands above, and whether the declaration is over in one line.
 * @param {string} text
 */
export function exportsOf(text) {
  const code = mask(text, { strings: true })
  const rows = text.split('\n')
  return [...code.matchAll(declaration)].map((match) => {
    const line = lineAt(code, match.index)
    const above = rows[line - 2]?.trim() ?? ''
    const oneLine = balanced(match[3] ?? '') && !/[=,|&(?:]\s*$|=>\s*$/.test(match[3] ?? '')
    return { name: match[2] ?? '', kind: match[1] ?? '', line, documented: above.endsWith('*/') || above.startsWith('@'), oneLine }
  })
}

/** @param {string} code */
function balanced(code) {
  let depth = 0
  for (const char of code.replaceAll('=>', '')) depth += '([{'.includes(char) ? 1 : ')]}'.includes(char) ? -1 : 0
  return depth === 0
}

/**
 * Exports of src without a docstring. One-line consts and types that say themselves may do without, but not on the public surface.
 * @param {import('./source.mjs').Tree} tree
 * @returns {import('./source.mjs').Problem[]}
 */
export function checkDocstrings(tree) {
  const publicNames = publicExports(tree)
  return filesIn(tree, 'src')
    .filter(([path]) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .flatMap(([path, text]) => {
      /** @type {Set<string>} Overloads share the docstring of the first. */
      const documented = new Set()
      return exportsOf(text).flatMap((item) => {
        const isPublic = publicNames.has(`${path} ${item.name}`)
        const small = item.oneLine && ['const', 'let', 'type'].includes(item.kind)
        if (item.documented) documented.add(item.name)
        if (documented.has(item.name) || (small && !isPublic)) return []
        const message = `${isPublic ? 'public ' : ''}${item.kind} ${item.name} has no docstring`
        return [{ path, line: item.line, message }]
      })
    })
}

/** Everything src/index.ts exports, as `file name`, through re-exports of any depth. @param {import('./source.mjs').Tree} tree */
export function publicExports(tree) {
  /** @type {Set<string>} */
  const found = new Set()
  const follow = (/** @type {string} */ path, /** @type {string | undefined} */ wanted) => {
    const text = tree.get(path)
    if (text === undefined) return
    for (const { name } of exportsOf(text)) if (wanted === undefined || wanted === name) found.add(`${path} ${name}`)
    for (const [, list, from = ''] of mask(text, { strings: false }).matchAll(
      /\bexport (?:type )?(\*|\{[^}]*\})\s*from\s*['"]([^'"]+)['"]/g,
    )) {
      const target = posix.join(posix.dirname(path), from)
      const names = list === '*' ? [undefined] : namesOf(list ?? '')
      for (const name of names) {
        if (wanted === undefined || name === undefined || name.as === wanted) follow(target, name?.name ?? wanted)
      }
    }
  }
  follow('src/index.ts', undefined)
  return found
}

/** @param {string} list */
const namesOf = (list) =>
  [...list.matchAll(/(?:type\s+)?([\w$]+)(?:\s+as\s+([\w$]+))?/g)].map((m) => ({ name: m[1] ?? '', as: m[2] ?? m[1] ?? '' }))

/**
 * The type `any`, in every script.
 * @param {import('./source.mjs').Tree} tree
 * @returns {import('./source.mjs').Problem[]}
 */
export function checkAny(tree) {
  return [...tree]
    .filter(([path]) => isScript(path) && path.endsWith('.ts'))
    .flatMap(([path, text]) => {
      const code = mask(text, { strings: true })
      return [...code.matchAll(/(?:[:<|&,(=]|\bas|\bextends|\bkeyof|\breadonly|\bsatisfies|=>)\s*any\b(?!\s*[(.:?]|\s*=>)/g)].map(
        (match) => ({
          path,
          line: lineAt(code, match.index + match[0].length),
          message: 'the type any; say what it is, or unknown',
        }),
      )
    })
}
