// A kernel is four files of one stem (shader, binding, reference, test), and its binding says what its shader binds.
import { filesIn, lineAt, mask } from './source.mjs'

const stemOf = (/** @type {string} */ path) => path.replace(/^.*\//, '').replace(/\.(wgsl|test\.ts|ts)$/, '')

/** Shaders that are kernels: not those in shaders/lib. @param {import('./source.mjs').Tree} tree */
const shadersOf = (tree) => filesIn(tree, 'shaders').filter(([path]) => /^shaders\/[^/]+\.wgsl$/.test(path))

/**
 * Kernels without their twins. A second, faster stem for the same formula names the reference it shares in its binding: `// reference: stem`.
 * @param {import('./source.mjs').Tree} tree
 * @returns {import('./source.mjs').Problem[]}
 */
export function checkTwins(tree) {
  const stems = new Set(shadersOf(tree).map(([path]) => stemOf(path)))
  // src/kernels/lib puts together pieces of shaders/lib; it dispatches nothing.
  for (const [path] of filesIn(tree, 'src/kernels')) if (!path.startsWith('src/kernels/lib/')) stems.add(stemOf(path))
  return [...stems].flatMap((stem) => {
    const shader = `shaders/${stem}.wgsl`
    const binding = `src/kernels/${stem}.ts`
    const shared = /^\/\/ reference: (\S+)$/m.exec(tree.get(binding) ?? '')?.[1]
    const twins = [shader, binding, `test/reference/${shared ?? stem}.ts`, `test/kernels/${stem}.test.ts`]
    const path = tree.has(binding) ? binding : shader
    return twins.filter((twin) => !tree.has(twin)).map((twin) => ({ path, line: 1, message: `kernel ${stem} has no ${twin}` }))
  })
}

/** Storage buffers of group 0, [index, name] by index. @param {string} shader */
export function shaderBuffers(shader) {
  const pattern = /@group\(0\)\s*@binding\((\d+)\)\s*var<storage,\s*read(?:_write)?>\s*(\w+)/g
  const code = shader.replace(/\/\/[^\n]*/g, '')
  return [...code.matchAll(pattern)].map((m) => /** @type {[number, string]} */ ([Number(m[1]), m[2] ?? ''])).sort((a, b) => a[0] - b[0])
}

/** Fields of struct Params, as `name:type`. @param {string} shader */
export function shaderParams(shader) {
  const body = /struct\s+Params\s*\{([^}]*)\}/.exec(shader.replace(/\/\/[^\n]*/g, ''))?.[1] ?? ''
  return [...body.matchAll(/(\w+)\s*:\s*(\w+)/g)].map((m) => `${m[1]}:${m[2]}`)
}

/**
 * Bindings whose lists of buffers or params differ from their shader's. Lists that are computed are left to defineKernel, which
 * compares them when the file is imported.
 * @param {import('./source.mjs').Tree} tree
 * @returns {import('./source.mjs').Problem[]}
 */
export function checkBindings(tree) {
  return shadersOf(tree).flatMap(([shaderPath, shader]) => {
    const path = `src/kernels/${stemOf(shaderPath)}.ts`
    const text = tree.get(path)
    if (text === undefined) return []
    const code = mask(text, { strings: false })
    const whole = [shader, ...importedLibs(code).map((lib) => tree.get(lib) ?? '')].join('\n')
    const buffers = shaderBuffers(whole)
    const order = buffers.every(([index], i) => index === i)
      ? []
      : [{ path: shaderPath, line: 1, message: `bindings of group 0 are numbered ${buffers.map(([i]) => i).join(', ')}, not 0, 1, 2 …` }]
    const names = buffers.map(([, name]) => name)
    return [...order, ...listProblems(path, code, names), ...paramProblems(path, code, shaderParams(whole))]
  })
}

/** @param {string} code */
const importedLibs = (code) => [...code.matchAll(/from\s*['"][^'"]*(shaders\/lib\/[^'"?]+)['"?]/g)].map((m) => m[1] ?? '')

/** @param {string} path @param {string} code @param {string[]} names */
function listProblems(path, code, names) {
  return [...code.matchAll(/\bbuffers\s*[:=]\s*\[([^\]]*)\]/g)].flatMap((match) => {
    const list = literals(match[1] ?? '')
    if (list === undefined || list.join() === names.join()) return []
    const message = `buffers are [${list.join(', ')}], but the shader binds [${names.join(', ')}]`
    return [{ path, line: lineAt(code, match.index), message }]
  })
}

/** @param {string} path @param {string} code @param {string[]} fields */
function paramProblems(path, code, fields) {
  return [...code.matchAll(/\bparams\s*:\s*\{([^{}]*)\}/g)].flatMap((match) => {
    const body = match[1] ?? ''
    // Only definitions give types as strings; a dispatch gives values.
    if (!/^\s*(\w+\s*:\s*'(u32|i32|f32)'\s*,?\s*)+$/.test(body)) return []
    const given = [...body.matchAll(/(\w+)\s*:\s*'(\w+)'/g)].map((m) => `${m[1]}:${m[2]}`)
    if (given.join() === fields.join()) return []
    const message = `params are [${given.join(', ')}], but the shader's Params are [${fields.join(', ')}]`
    return [{ path, line: lineAt(code, match.index), message }]
  })
}

/** The strings of a list that holds nothing but string literals; else undefined. @param {string} list */
function literals(list) {
  const items = list.split(',').map((item) => item.trim())
  if (items.at(-1) === '') items.pop()
  return items.every((item) => /^(['"])\w+\1$/.test(item)) ? items.map((item) => item.slice(1, -1)) : undefined
}
