// Checks what the compiler and the linter do not: who imports whom, kernels and their twins, sizes, names and docstrings.
// Prints one line per problem, as path:line: message, and fails if there is one.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { checkAny, checkDocstrings } from './check/exports.mjs'
import { checkCycles, checkImports } from './check/imports.mjs'
import { checkBindings, checkTwins } from './check/kernels.mjs'
import { checkNames, checkSizes } from './check/sizes.mjs'

const root = resolve(import.meta.dirname, '..')
const folders = ['src', 'shaders', 'cli', 'demo', 'scripts', 'test']
const data = ['test/goldens', 'node_modules', '__pycache__']

/** @returns {import('./check/source.mjs').Tree} */
function readTree() {
  const tree = new Map()
  const add = (/** @type {string} */ file) => tree.set(relative(root, file).replaceAll(sep, '/'), readFileSync(file, 'utf8'))
  const walk = (/** @type {string} */ folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const file = join(folder, entry.name)
      if (data.some((name) => file.endsWith(`${sep}${name.replaceAll('/', sep)}`))) continue
      if (entry.isDirectory()) walk(file)
      else if (/\.(ts|mjs|wgsl|py)$/.test(entry.name)) add(file)
    }
  }
  for (const folder of folders) walk(join(root, folder))
  for (const name of readdirSync(root)) if (/\.config\.ts$/.test(name)) add(join(root, name))
  return tree
}

const started = performance.now()
const tree = readTree()
const rules = [checkImports, checkCycles, checkTwins, checkBindings, checkSizes, checkNames, checkDocstrings, checkAny]
const problems = rules.flatMap((rule) => rule(tree))
for (const { path, line, message } of problems) console.log(`${path}:${line}: ${message}`)
console.log(`check: ${tree.size} files, ${problems.length} problems (${((performance.now() - started) / 1000).toFixed(1)} s)`)
if (problems.length > 0) process.exitCode = 1
