// Measures kernels with plain Node on the GPU of this machine, from the bundle of scripts/gpu-bundle.mjs:
//   node scripts/gpu-bench.mjs [--page] [--software] [--modules DIR] [--without FEATURE,…] [--out FILE] [SECTION …]
// Sections: copy step decode batch layer prefill matmul attention (all unless named). Without --page in Node through Dawn, each section in a process of its own;

// with --page in the Chromium that CHROMIUM names. Prints one line of JSON per row; --out appends them to a file as well.
import { spawnSync } from 'node:child_process'
import { appendFileSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

/** @typedef {typeof import('../test/bench/kernel-bench.ts')} Bundle */

const root = resolve(import.meta.dirname, '..')
const bundle = join(root, 'dist/gpu-tests/bench.js')
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    page: { type: 'boolean' },
    software: { type: 'boolean' },
    modules: { type: 'string', default: root },
    without: { type: 'string', default: '' },
    out: { type: 'string' },
    here: { type: 'boolean' },
  },
})
const disabled = values.without.split(',').filter(Boolean)
const sections = positionals.length > 0 ? positionals : ['copy', 'step', 'decode', 'batch', 'layer', 'prefill', 'matmul', 'attention']

const report = (/** @type {object} */ row) => {
  const line = JSON.stringify(row)
  console.log(line)
  if (values.out) appendFileSync(values.out, `${line}\n`)
}

/** The first of these packages that --modules holds. @param {string[]} names */
async function load(...names) {
  const require = createRequire(join(resolve(values.modules), 'any.js'))
  for (const name of names) {
    try {
      const module = await import(pathToFileURL(require.resolve(name)).href)
      return module.default ?? module
    } catch (error) {
      if (name === names.at(-1)) throw error
    }
  }
}

async function runInNode() {
  const { create, globals } = await load('webgpu')
  const backend = ['backend=vulkan', 'enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis']
  const gpu = create(values.software ? [...backend, 'adapter=SwiftShader'] : backend)
  for (const [name, value] of Object.entries({ ...globals, navigator: { gpu } })) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  }
  const bench = /** @type {Bundle} */ (await import(pathToFileURL(bundle).href))
  for (const section of sections) await bench.runSection(section, report, disabled)
}

async function runInPage() {
  const { chromium } = await load('playwright', 'playwright-core')
  const server = createServer((request, response) => {
    if (request.url === '/bench.js') response.setHeader('content-type', 'text/javascript').end(readFileSync(bundle))
    else response.setHeader('content-type', 'text/html').end('<!doctype html><link rel="icon" href="data:,"><title>Kernels</title>')
  })
  await new Promise((listening) => server.listen(0, '127.0.0.1', () => listening(undefined)))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const options = JSON.parse(readFileSync(join(root, 'dist/gpu-tests/launch.json'), 'utf8'))
  const executablePath = process.env['CHROMIUM'] ?? chromium.executablePath()
  for (const section of sections) {
    const browser = await chromium.launch({ ...options[values.software ? 'software' : 'gpu'], executablePath })
    try {
      const page = await browser.newPage()
      page.on('pageerror', (/** @type {Error} */ error) => console.error(`page: ${error.message}`))
      await page.exposeFunction('report', report)
      await page.goto(`http://localhost:${port}/`)
      await page.evaluate(inPage, [section, disabled])
    } catch (error) {
      report({ section, error: `the page ended: ${error instanceof Error ? error.message : error}` })
    } finally {
      await browser.close()
    }
  }
  server.close()
}

/** The part of runInPage that runs in the page. @param {[string, string[]]} what */
async function inPage([section, without]) {
  const url = '/bench.js'
  const bench = /** @type {Bundle} */ (await import(url))
  const tell = /** @type {{ report: (row: object) => void }} */ (/** @type {unknown} */ (globalThis))
  return bench.runSection(section, (row) => tell.report(row), without)
}

if (values.page) await runInPage()
else if (values.here) await runInNode()
else {
  // A driver that gives up takes its process along; the other sections still run.
  for (const section of sections) {
    const args = process.argv.slice(2).filter((arg) => !positionals.includes(arg))
    const { status, signal } = spawnSync(process.execPath, [process.argv[1] ?? '', ...args, '--here', section], { stdio: 'inherit' })
    if (status !== 0) report({ section, error: `the process ended with ${signal ?? status}` })
  }
}
process.exit(0)
