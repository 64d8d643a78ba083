// Runs the bundle of scripts/gpu-bundle.mjs with plain Node, on the GPU of this machine:
//   node scripts/gpu-run.mjs [--page] [--software] [--modules DIR] [PART OF A FILE'S OR TEST'S PATH …]
// Without --page in Node through Dawn (package `webgpu`), with --page in the Chromium that CHROMIUM names (package `playwright` or
// `playwright-core`). --modules names a folder that holds node_modules with them; default: this repository.
// Dawn needs a Vulkan loader and driver; Debian's chromium package brings software ones:
//   LD_LIBRARY_PATH=/usr/lib/chromium VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json node scripts/gpu-run.mjs
import { createReadStream, readFileSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

/** @typedef {import('../test/support/mini-vitest.ts').Result} Result */
/**
 * @typedef {object} Bundle
 * @property {typeof import('../test/support/mini-vitest.ts').runFiles} runFiles
 * @property {typeof import('../test/support/adapter.ts').describeAdapter} describeAdapter
 * @property {typeof import('../test/support/adapter.ts').requireAdapter} requireAdapter
 * @property {Record<string, () => Promise<unknown>>} files
 */

const root = resolve(import.meta.dirname, '..')
const bundle = join(root, 'dist/gpu-tests/tests.js')
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { page: { type: 'boolean' }, software: { type: 'boolean' }, modules: { type: 'string', default: root } },
})

/** @type {Result[]} */
const results = []
const report = (/** @type {Result} */ result) => {
  results.push(result)
  if (result.state === 'failed') console.log(`FAILED ${result.file} > ${result.name}\n  ${result.message}`)
}

/** The first of these packages that --modules holds. @param {string[]} names */
async function load(...names) {
  const require = createRequire(join(resolve(values.modules), 'any.js'))
  for (const name of names) {
    try {
      const module = await import(pathToFileURL(require.resolve(name)).href)
      return module.default ?? module // a package for require() has everything in its default
    } catch (error) {
      if (name === names.at(-1)) throw error
    }
  }
}

/** The file behind a path of a URL: /models/ lies in public/, everything else in the repository. @param {string} path */
function fileOf(path) {
  const name = decodeURIComponent(path)
  const file = resolve(join(root, name.startsWith('/models/') ? 'public' : '', name))
  return file.startsWith(root) && statSync(file, { throwIfNoEntry: false })?.isFile() ? file : undefined
}

/** A file as a server would answer, with ranges. @param {string} path @param {string | null | undefined} range */
function answer(path, range) {
  const file = fileOf(path)
  if (!file) return { status: 404, headers: {}, body: undefined }
  const { size } = statSync(file)
  const type = /\.m?js$/.test(file)
    ? 'text/javascript'
    : file.endsWith('.json')
      ? 'application/json'
      : file.endsWith('.html')
        ? 'text/html'
        : 'application/octet-stream'
  const asked = /^bytes=(\d+)-(\d*)$/.exec(range ?? '')
  const start = Number(asked?.[1] ?? 0)
  const end = Math.min(asked?.[2] ? Number(asked[2]) : size - 1, size - 1)
  const headers = { 'content-type': type, 'content-length': String(end - start + 1), 'accept-ranges': 'bytes' }
  const partial = asked ? { 'content-range': `bytes ${start}-${end}/${size}` } : {}
  return { status: asked ? 206 : 200, headers: { ...headers, ...partial }, body: { file, start, end } }
}

/** Runs the bundle here, with what it expects of a browser: navigator.gpu, the constants, fetch of the repository's files. */
async function runInNode() {
  const { create, globals } = await load('webgpu')
  const backend = ['backend=vulkan', 'enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis']
  const gpu = create(values.software ? [...backend, 'adapter=SwiftShader'] : backend)
  const navigator = { gpu, hardwareConcurrency: 4, userAgent: 'Node' }
  const location = new URL('http://localhost/')
  const realFetch = globalThis.fetch
  /** @type {typeof fetch} */
  const fetchHere = async (input, init) => {
    const request = new Request(input instanceof Request ? input : new URL(String(input), location), init)
    const url = new URL(request.url)
    if (url.origin !== location.origin) return realFetch(input, init)
    const { status, headers, body } = answer(url.pathname, request.headers.get('range'))
    if (!body) return new Response(null, { status, headers })
    const handle = await open(body.file)
    const { buffer } = await handle.read(Buffer.alloc(body.end - body.start + 1), 0, body.end - body.start + 1, body.start)
    await handle.close()
    return new Response(new Uint8Array(buffer), { status, headers })
  }
  for (const [name, value] of Object.entries({ ...globals, navigator, location, fetch: fetchHere })) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  }
  const tests = /** @type {Bundle} */ (await import(pathToFileURL(bundle).href))
  console.log(`adapter: ${tests.describeAdapter(await tests.requireAdapter())} (Dawn for Node)`)
  for await (const result of tests.runFiles(chosen(tests.files))) report(result)
}

/** @template T @param {Record<string, T>} files @returns {Record<string, T>} */
const chosen = (files) =>
  Object.fromEntries(Object.entries(files).filter(([file]) => positionals.length === 0 || positionals.some((part) => file.includes(part))))

/** Runs the bundle in a page of Chromium. */
async function runInPage() {
  const { chromium } = await load('playwright', 'playwright-core')
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    if (path === '/') {
      response.setHeader('content-type', 'text/html').end('<!doctype html><link rel="icon" href="data:,"><title>GPU tests</title>')
      return
    }
    const { status, headers, body } = answer(path, request.headers.range)
    response.writeHead(status, headers)
    if (body) createReadStream(body.file, { start: body.start, end: body.end }).pipe(response)
    else Readable.from([]).pipe(response)
  })
  await new Promise((listening) => server.listen(0, '127.0.0.1', () => listening(undefined)))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const options = JSON.parse(readFileSync(join(root, 'dist/gpu-tests/launch.json'), 'utf8'))
  const executablePath = process.env['CHROMIUM'] ?? chromium.executablePath()
  const browser = await chromium.launch({ ...options[values.software ? 'software' : 'gpu'], executablePath })
  const page = await browser.newPage()
  page.on('pageerror', (/** @type {Error} */ error) => console.log(`page: ${error.message}`))
  page.on(
    'console',
    (/** @type {{ type(): string, text(): string }} */ line) => line.type() !== 'log' && console.log(`page: ${line.text()}`),
  )
  await page.exposeFunction('report', report)
  await page.goto(`http://localhost:${port}/`)
  const adapter = await page.evaluate(inPage, positionals)
  console.log(`adapter: ${adapter} (Chromium ${browser.version()})`)
  await browser.close()
  server.close()
}

/** The part of runInPage that runs in the page. @param {string[]} parts */
async function inPage(parts) {
  const url = '/dist/gpu-tests/tests.js'
  const tests = /** @type {Bundle} */ (await import(url))
  const adapter = tests.describeAdapter(await tests.requireAdapter())
  const files = Object.entries(tests.files).filter(([file]) => parts.length === 0 || parts.some((part) => file.includes(part)))
  const tell = /** @type {{ report: (result: Result) => Promise<void> }} */ (/** @type {unknown} */ (globalThis))
  for await (const result of tests.runFiles(Object.fromEntries(files))) await tell.report(result)
  return adapter
}

/** One line per file. */
function table() {
  const files = [...new Set(results.map(({ file }) => file))]
  const width = Math.max(...files.map((file) => file.length), 4)
  console.log(`\n${'file'.padEnd(width)}  passed  failed  skipped  seconds`)
  for (const file of files) {
    const own = results.filter((result) => result.file === file)
    const count = (/** @type {string} */ state) => String(own.filter((result) => result.state === state).length)
    const seconds = own.reduce((sum, result) => sum + result.seconds, 0).toFixed(2)
    console.log(
      `${file.padEnd(width)}  ${count('passed').padStart(6)}  ${count('failed').padStart(6)}  ${count('skipped').padStart(7)}  ${seconds.padStart(7)}`,
    )
  }
}

let broken = 0
try {
  await (values.page ? runInPage() : runInNode())
} catch (error) {
  broken = 1
  console.log(`The run broke off: ${error instanceof Error ? error.stack : error}`)
}
table()
const count = (/** @type {string} */ state) => results.filter((result) => result.state === state).length
const failed = count('failed') + Math.max(broken, results.length === 0 ? 1 : 0)
console.log(`\n${count('passed')} passed, ${failed} failed${count('skipped') ? `, ${count('skipped')} skipped` : ''}`)
process.exit(failed > 0 ? 1 : 0)
