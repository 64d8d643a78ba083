import { existsSync } from 'node:fs'
import { defineConfig, type UserConfig } from 'tsdown'
import { licences } from './scripts/licences-plugin.ts'
import { wgsl } from './scripts/wgsl-plugin.ts'
import { workerUrl } from './scripts/worker-url-plugin.ts'

// The library in dist/: one self-contained file per realm. The page's index.js, the engine's worker.js and the service worker share
// no chunks, because a bundler that copies the worker does not follow its imports. The CLI runs in Node.
const realms: { name: string; source: string; node?: boolean; types?: boolean; minify?: boolean }[] = [
  { name: 'index', source: 'src/index.ts', types: true },
  { name: 'worker', source: 'src/worker/engine.worker.ts' },
  // Copied to a site as it is, past the site's own bundler.
  { name: 'service-worker', source: 'src/server/sw.ts', minify: true },
  { name: 'cli', source: 'cli/ocellus.ts', node: true },
]

const library = ({ name, source, node = false, types = false, minify = false }: (typeof realms)[number]): UserConfig => ({
  entry: { [name]: source },
  format: 'esm',
  platform: node ? 'node' : 'browser',
  target: node ? 'node20' : 'es2023',
  outExtensions: () => ({ js: '.js', dts: '.d.ts' }),
  dts: types ? { oxc: true } : false,
  // Everything a page or worker needs is inside its file; in Node only Playwright and Node itself stay outside.
  deps: node ? { neverBundle: ['playwright'] } : { alwaysBundle: [/.*/], onlyBundle: false },
  plugins: [wgsl({ strip: true }), workerUrl(), licences(name)],
  outputOptions: { codeSplitting: false },
  clean: [`dist/${name}.*`],
  minify,
  report: false,
  logLevel: 'warn',
  failOnWarn: false,
})

export default defineConfig(realms.filter(({ source }) => existsSync(source)).map(library))
