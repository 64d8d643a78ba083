/** How src/api spells the engine's worker; Vite, vitest and the demo build follow it from source. */
const inSource = "new URL('../worker/engine.worker.ts', import.meta.url)"

/** What the same line is in dist/index.js, beside which dist/worker.js lies. Bundlers of our users look for exactly this form. */
const inDist = "new URL('./worker.js', import.meta.url)"

/**
 * Points the one `new Worker(new URL('../worker/engine.worker.ts', import.meta.url), { type: 'module' })` of the source at the built worker.
 * Any other spelling of the worker's file is an error, because it would ship a page without an engine.
 */
export function workerUrl() {
  return {
    name: 'worker-url',
    transform(code: string, id: string): { code: string; map: null } | null {
      if (!code.includes('engine.worker.ts') || id.endsWith('engine.worker.ts')) return null
      if (code.split(inSource).length !== 2) throw new Error(`${id}: spell the worker once, as new Worker(${inSource}, { type: 'module' })`)
      return { code: code.replace(inSource, inDist), map: null }
    },
  }
}
