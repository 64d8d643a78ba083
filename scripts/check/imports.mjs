// Who may import whom: folders point down only, no file is in a cycle, a package comes in through one door.
import { posix } from 'node:path'
import { isScript, lineAt, mask } from './source.mjs'

/** What each folder may import beside itself; `import type` counts. Folders not listed (test, scripts, the configs) may import all. */
const layers = new Map([
  ['src/protocol', []],
  ['src/util', []],
  ['src/weights', ['src/cache', 'src/util']],
  ...['cache', 'gpu', 'text', 'grammar', 'media', 'onnx'].map((name) => /** @type {[string, string[]]} */ ([`src/${name}`, ['src/util']])),
  ['src/kernels', ['src/gpu', 'src/util', 'shaders']],
  ['src/layers', ['src/kernels', 'src/gpu', 'src/util']],
  ['src/models', ['src/layers', 'src/kernels', 'src/gpu', 'src/media', 'src/onnx', 'src/util']],
  [
    'src/engine',
    ['models', 'layers', 'text', 'grammar', 'media', 'weights', 'cache', 'kernels', 'gpu', 'protocol', 'util'].map((name) => `src/${name}`),
  ],
  ['src/worker', ['src/engine', 'src/protocol']],
  ['src/api', ['src/protocol', 'src/server', 'src/cache', 'src/util']],
  ['src/server', ['src/protocol', 'src/util']],
  ['src/index.ts', ['src/api', 'src/protocol']],
  ['demo', ['src/index.ts', 'src/protocol']],
  ['cli', ['src/index.ts', 'src/protocol', 'src/server']],
])

/** The files or folders that may import a package. In src a package without a line here may not be imported at all. */
const doors = new Map([
  ['comlink', ['src/api/llm.ts', 'src/worker/', 'test/support/', 'test/unit/worker/']],
  ['@huggingface/jinja', ['src/text/chat-template.ts']],
  ['@huggingface/tokenizers', ['src/text/tokenizer.ts']],
  ['mediabunny', ['src/media/video-file.ts', 'src/media/sound-file.ts', 'test/support/']],
  ['onnxruntime-web', ['src/onnx/session.ts']],
  ['valibot', ['src/server/']],
  ['openai', ['demo/examples/', 'test/']],
  ['playwright', ['cli/', 'test/']],
  ['node:', ['cli/', 'scripts/', 'test/']],
])

const statement = /\b(?:import|export)\b[\s\w{},*$]*?\bfrom\s*(['"])([^'"\n]+)\1|\bimport\s*\(?\s*(['"])([^'"\n]+)\3/g

/**
 * Every import of a file, type imports and dynamic ones too: as written, and the path in the tree for relative ones.
 * @param {string} path
 * @param {string} text
 */
export function importsOf(path, text) {
  const bare = mask(text, { strings: true })
  const code = mask(text, { strings: false })
  return [...code.matchAll(statement)]
    .filter((match) => bare[match.index] === code[match.index])
    .map((match) => {
      const specifier = match[2] ?? match[4] ?? ''
      const target = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier.split('?')[0] ?? '') : undefined
      return { specifier, target, line: lineAt(code, match.index) }
    })
}

/** The row of the table that a path belongs to. @param {string} path */
const layerOf = (path) => [...layers.keys()].find((layer) => path === layer || path.startsWith(`${layer}/`))

const inside = (/** @type {string} */ path, /** @type {readonly string[]} */ places) =>
  places.some((place) => path === place || path.startsWith(place.endsWith('/') ? place : `${place}/`))

/**
 * Imports that point up or sideways, and packages that came in through another door.
 * @param {import('./source.mjs').Tree} tree
 * @returns {import('./source.mjs').Problem[]}
 */
export function checkImports(tree) {
  return [...tree]
    .filter(([path]) => isScript(path))
    .flatMap(([path, text]) =>
      importsOf(path, text).flatMap(({ specifier, target, line }) => {
        const message = target === undefined ? packageProblem(path, specifier) : layerProblem(path, target)
        return message ? [{ path, line, message }] : []
      }),
    )
}

/** @param {string} path @param {string} target */
function layerProblem(path, target) {
  const layer = layerOf(path)
  if (layer === undefined) return path.startsWith('src/') ? `${path} is in no folder of the import table` : undefined
  if (target.startsWith('shaders/')) return shaderProblem(path, layer, target)
  const allowed = layers.get(layer) ?? []
  if (inside(target, [layer, ...allowed])) return undefined
  return `imports ${target}; ${layer} may import only ${allowed.join(', ') || 'nothing'}`
}

/** @param {string} path @param {string} layer @param {string} target */
function shaderProblem(path, layer, target) {
  const own = `shaders/${posix.basename(path, '.ts')}.wgsl`
  if (layer === 'src/kernels' && (target === own || target.startsWith('shaders/lib/'))) return undefined
  return `imports ${target}; a shader is imported by the kernel of its name only, shaders/lib by any kernel`
}

/** @param {string} path @param {string} specifier */
function packageProblem(path, specifier) {
  const name = specifier.startsWith('node:')
    ? 'node:'
    : specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/')
  const places = doors.get(name)
  const isConfig = !path.includes('/')
  if (places && !isConfig && !inside(path, places)) return `imports ${specifier}, which only ${places.join(' and ')} may`
  if (!places && /^(src|demo)\//.test(path)) return `imports ${specifier}, a package without a door in scripts/check/imports.mjs`
  return undefined
}

/**
 * Files that import each other in a circle; each circle is told once.
 * @param {import('./source.mjs').Tree} tree
 * @returns {import('./source.mjs').Problem[]}
 */
export function checkCycles(tree) {
  /** @type {Map<string, string[]>} */
  const graph = new Map()
  for (const [path, text] of tree) {
    if (!isScript(path)) continue
    graph.set(path, [...new Set(importsOf(path, text).flatMap(({ target }) => (target !== undefined && tree.has(target) ? [target] : [])))])
  }
  /** @type {Set<string>} */
  const done = new Set()
  /** @type {import('./source.mjs').Problem[]} */
  const problems = []
  const visit = (/** @type {string} */ path, /** @type {string[]} */ trail) => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      problems.push({ path, line: 1, message: `import cycle: ${[...trail.slice(start), path].join(' → ')}` })
      return
    }
    if (done.has(path)) return
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  return problems
}
