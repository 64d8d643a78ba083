import { resolve } from 'node:path'
import { build, type Plugin } from 'vite'

const source = resolve(import.meta.dirname, '../src/server/sw.ts')

/** The service worker as one classic script without imports. */
async function bundle(minify: boolean): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    build: { write: false, minify, target: 'es2023', lib: { entry: source, formats: ['iife'], name: 'ocellus' } },
  })
  const [output] = Array.isArray(built) ? built : [built]
  const chunk = output && 'output' in output ? output.output[0] : undefined
  if (!chunk) throw new Error(`${source} gave no code`)
  return chunk.code
}

/** Puts the service worker beside the page's index.html as service-worker.js, in the dev server and in the build. */
export function serviceWorker(): Plugin {
  return {
    name: 'service-worker',
    configureServer(server) {
      server.middlewares.use('/service-worker.js', (_request, response, next) => {
        bundle(false).then((code) => {
          response.setHeader('content-type', 'text/javascript')
          response.setHeader('cache-control', 'no-cache')
          response.end(code)
        }, next)
      })
    },
    async generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'service-worker.js', source: await bundle(true) })
    },
  }
}
