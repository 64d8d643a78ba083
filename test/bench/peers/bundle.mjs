// Bundles the TypeScript of this folder: what runs in Node, and a script per page. Node 20 does not read TypeScript, and pages never do.
import { join } from 'node:path'
import { build } from 'vite'

const here = import.meta.dirname
const pages = ['ort-page', 'wllama-page', 'transformers-page', 'ocellus-page']

/** Options of both. @param {string} outDir @returns {import('vite').InlineConfig} */
const base = (outDir) => ({
  root: here,
  configFile: false,
  base: './',
  publicDir: false,
  logLevel: 'warn',
  build: { outDir, emptyOutDir: true, target: 'es2023', minify: false, modulePreload: false },
})

/** Writes main.js, native-child.js and pages/. @param {string} outDir */
export async function bundle(outDir) {
  const node = base(outDir)
  const input = { main: join(here, 'main.ts'), 'native-child': join(here, 'native-child.ts') }
  // What stays outside is Playwright and llama.cpp; everything else is bundled, for machines without packages.
  const ssr = { noExternal: ['@huggingface/tokenizers', '@huggingface/jinja'] }
  await build({
    ...node,
    ssr,
    build: {
      ...node.build,
      ssr: true,
      rolldownOptions: { input, external: ['playwright', '@fugood/llama.node'], output: { entryFileNames: '[name].js' } },
    },
  })
  const page = base(join(outDir, 'pages'))
  const inputs = Object.fromEntries(pages.map((name) => [name, join(here, 'page', `${name}.ts`)]))
  const output = { entryFileNames: '[name].js', chunkFileNames: '[name].js' }
  await build({ ...page, build: { ...page.build, rolldownOptions: { input: inputs, output } } })
}
