// Bundles the GPU tests (test/gpu, test/kernels, test/models) for a machine with a GPU but without node_modules:
//   node scripts/gpu-bundle.mjs        writes dist/gpu-tests/
//   node scripts/gpu-run.mjs           runs them there, see that file
//   node scripts/gpu-bench.mjs         measures kernels there, see that file
// vitest is replaced by test/support/mini-vitest.ts; everything else is the tests as they are.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { build, runnerImport } from 'vite'

const root = resolve(import.meta.dirname, '..')
const out = join(root, 'dist/gpu-tests')

const load = async (/** @type {string} */ file) => (await runnerImport(join(root, file), { configFile: false, logLevel: 'error' })).module
const { wgsl } = /** @type {typeof import('./wgsl-plugin.ts')} */ (await load('scripts/wgsl-plugin.ts'))
const { launchOptions } = /** @type {typeof import('../cli/chromium.ts')} */ (await load('cli/chromium.ts'))

const folders = ['test/gpu', 'test/kernels', 'test/models'].filter((folder) => existsSync(join(root, folder)))
const tests = folders.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => relative(root, join(root, folder, name)).replaceAll(sep, '/'))
    .sort(),
)

const ENTRY = 'virtual:gpu-tests'
const inRoot = (/** @type {string} */ file) => JSON.stringify(join(root, file))
const entry = `
export { runFiles } from ${inRoot('test/support/mini-vitest.ts')}
export { describeAdapter, requireAdapter } from ${inRoot('test/support/adapter.ts')}
export const files = {
${tests.map((file) => `  ${JSON.stringify(file)}: () => import(${inRoot(file)}),`).join('\n')}
}
`

/** Bundles one entry to dist/gpu-tests/NAME.js. @param {string} name @param {string} id @param {boolean} first */
const bundle = (name, id, first) =>
  build({
    root,
    configFile: false,
    base: './',
    publicDir: false,
    logLevel: 'warn',
    plugins: [
      wgsl(),
      {
        name: 'gpu-tests-entry',
        resolveId: (asked) => (asked === ENTRY ? `\0${asked}` : undefined),
        load: (asked) => (asked === `\0${ENTRY}` ? entry : undefined),
      },
    ],
    worker: { format: 'es', plugins: () => [wgsl()] },
    resolve: { alias: { vitest: join(root, 'test/support/mini-vitest.ts') } },
    build: {
      outDir: out,
      emptyOutDir: first,
      target: 'es2023',
      minify: false,
      modulePreload: false,
      rolldownOptions: {
        input: { [name]: id },
        preserveEntrySignatures: 'strict',
        output: { entryFileNames: '[name].js', codeSplitting: false },
      },
    },
  })

await bundle('tests', ENTRY, true)
await bundle('bench', join(root, 'test/bench/kernel-bench.ts'), false)

// How the CLI starts Chromium, so that the GPU machine starts its own the same way.
const found = /** @type {const} */ ({ path: '', source: 'CHROMIUM' })
const launch = { gpu: launchOptions({ software: false, found }), software: launchOptions({ software: true, found }) }
writeFileSync(join(out, 'launch.json'), `${JSON.stringify(launch, null, 2)}\n`)
console.log(`${tests.length} test files in ${relative(root, out)}`)
