import { readFile } from 'node:fs/promises'

interface WgslPlugin {
  name: string
  enforce: 'pre'
  load(id: string): Promise<{ code: string; map: null; moduleType: 'js' } | null>
}

/** Blanks out comments and keeps the line breaks, so that a compiler message still names the line of the source file. */
export function stripComments(code: string): string {
  let out = ''
  let depth = 0
  for (let i = 0; i < code.length; i++) {
    const pair = code.slice(i, i + 2)
    if (pair === '/*') {
      depth++
      i++
    } else if (depth > 0 && pair === '*/') {
      depth--
      i++
    } else if (depth === 0 && pair === '//') {
      while (i + 1 < code.length && code[i + 1] !== '\n') i++
    } else if (depth === 0 || code[i] === '\n') {
      out += code[i]
    }
  }
  return out.replace(/[ \t]+$/gm, '')
}

/**
 * Makes `import code from './x.wgsl'` give the shader's text. For Vite (both `plugins` and `worker.plugins`: Vite does not share them),
 * vitest and tsdown. With `strip` the comments stay behind, for builds that are shipped.
 */
export function wgsl({ strip = false } = {}): WgslPlugin {
  return {
    name: 'wgsl',
    enforce: 'pre',
    async load(id) {
      const path = id.split('?')[0] ?? id
      if (!path.endsWith('.wgsl') || id.includes('?raw') || id.includes('?url')) return null
      const text = await readFile(path, 'utf8')
      return { code: `export default ${JSON.stringify(strip ? stripComments(text) : text)}`, map: null, moduleType: 'js' }
    },
  }
}
