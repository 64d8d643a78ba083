// Measures recall at 1 in the browser, through LLM.embed of the built package:
//   node test/e2e/tiny-embed-measure.mjs GALLERIES [--model FOLDER] [--dist FOLDER] [--dtype float32] [--dimensions N] [--rows a,b] [--out FILE]
// GALLERIES is what make_galleries.py wrote. Prints, per row, how many queries find their picture among their gallery's.
import { createReadStream, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright'

/** @typedef {{ picture: string, again?: string, kind: string, query: string, caption?: string, other_caption?: string, told_apart?: boolean }} Scene */
/** @typedef {{ row: string, scenes: Scene[] }} Gallery */
/** @typedef {Map<string, { found: number, asked: number }>} Table */

const ROOT = resolve(import.meta.dirname, '../..')
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: join(ROOT, 'public/models/ocellus-tiny-embed') },
    dist: { type: 'string', default: join(ROOT, 'dist') },
    dtype: { type: 'string', default: 'float32' },
    dimensions: { type: 'string' },
    rows: { type: 'string' },
    out: { type: 'string' },
  },
})
const folders = { dist: resolve(values.dist), model: resolve(values.model), galleries: resolve(positionals[0] ?? '.') }
const TYPES = { '.js': 'text/javascript', '.html': 'text/html', '.json': 'application/json', '.png': 'image/png' }
const SOFTWARE = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']
const DOCUMENT = 'What is shown in this image?'

function serve() {
  const server = createServer((request, response) => {
    const [, place = '', ...rest] = decodeURIComponent((request.url ?? '/').split('?')[0] ?? '/').split('/')
    const folder = /** @type {Record<string, string>} */ (folders)[place]
    const path = folder && join(folder, normalize(`/${rest.join('/')}`))
    if (!path || !statSync(path, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(place === '' ? 200 : 404, { 'content-type': 'text/html' }).end('<!doctype html><title>ocellus</title>')
      return
    }
    const type = /** @type {Record<string, string>} */ (TYPES)[extname(path)] ?? 'application/octet-stream'
    response.writeHead(200, { 'content-type': type, 'content-length': statSync(path).size })
    createReadStream(path).pipe(response)
  })
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)))
}

/**
 * Runs in the page: unit vectors of pictures (by file name) or texts.
 * @param {{ kind: 'pictures' | 'texts', items: string[], dimensions: number, document: string }} wanted
 */
async function embedAll({ kind, items, dimensions, document }) {
  const picture = (/** @type {string} */ name) => ({ prompt: document, multi_modal_data: { image: `/galleries/${name}` } })
  const prompts = kind === 'pictures' ? items.map(picture) : items
  const outputs = await globalThis.llm.embed(prompts, dimensions ? { dimensions } : {})
  return outputs.map(({ outputs: { embedding } }) => [...embedding])
}

/** Which rows of `queries` find their own row of `documents`. @param {number[][]} queries @param {number[][]} documents */
function recall(queries, documents) {
  const dot = (/** @type {number[]} */ a, /** @type {number[]} */ b) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
  return queries.map((query, i) => {
    const own = dot(query, documents[i] ?? [])
    return documents.every((document, j) => j === i || dot(query, document) <= own)
  })
}

/** @param {Table} table @param {string} row @param {boolean[]} found */
function add(table, row, found) {
  const entry = table.get(row) ?? { found: 0, asked: 0 }
  table.set(row, { found: entry.found + found.filter(Boolean).length, asked: entry.asked + found.length })
}

/** @param {Gallery} gallery @param {(kind: 'pictures' | 'texts', items: string[]) => Promise<number[][]>} embed @param {Table} table */
async function measure({ row, scenes }, embed, table) {
  const pictures = await embed(
    'pictures',
    scenes.map(({ picture }) => picture),
  )
  const queries = await embed(
    'texts',
    scenes.map(({ query }) => query),
  )
  const found = recall(queries, pictures)
  add(table, row, found)
  if (row !== 'fresh') return
  for (const kind of new Set(scenes.map((scene) => scene.kind)))
    add(
      table,
      `of these, ${kind}`,
      found.filter((_, i) => scenes[i]?.kind === kind),
    )
  add(table, 'picture finds query', recall(pictures, queries))
  add(
    table,
    'picture finds picture',
    recall(
      await embed(
        'pictures',
        scenes.map(({ again }) => again ?? ''),
      ),
      pictures,
    ),
  )
  const captions = await embed(
    'texts',
    scenes.map(({ caption }) => caption ?? ''),
  )
  const others = await embed(
    'texts',
    scenes.map((scene) => scene.other_caption ?? ''),
  )
  add(
    table,
    'text finds text',
    recall(captions, others).filter((_, i) => scenes[i]?.told_apart),
  )
}

const server = await serve()
const path = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const args = ['--no-sandbox', '--disable-background-networking', ...SOFTWARE]
const browser = await chromium.launch({ executablePath: path, args })
const page = await browser.newPage()
await page.goto(`http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}/`)
await page.addScriptTag({ type: 'module', content: `import { LLM } from '/dist/index.js'; globalThis.LLM = LLM` })
await page.waitForFunction(() => globalThis.LLM !== undefined)
const adapter = await page.evaluate(
  async (dtype) => {
    globalThis.llm = await LLM.create({ model: `${location.origin}/model`, task: 'embed', dtype, max_model_len: 256 })
    const { vendor, architecture, description } = (await navigator.gpu.requestAdapter())?.info ?? {}
    return [vendor, architecture, description].filter(Boolean).join(' ')
  },
  /** @type {'float32' | 'float16'} */ (values.dtype),
)
console.log(`Chromium ${browser.version()} on ${adapter}, ${values.dtype}${values.dimensions ? `, ${values.dimensions} dimensions` : ''}`)
const galleries = /** @type {Gallery[]} */ (JSON.parse(readFileSync(join(folders.galleries, 'galleries.json'), 'utf8')))
const chosen = galleries.filter(({ row }) => !values.rows || values.rows.split(',').includes(row))
/** @type {Table} */
const table = new Map()
const embed = (/** @type {'pictures' | 'texts'} */ kind, /** @type {string[]} */ items) =>
  page.evaluate(embedAll, { kind, items, dimensions: Number(values.dimensions ?? 0), document: DOCUMENT })
const started = performance.now()
for (const [i, gallery] of chosen.entries()) {
  await measure(gallery, embed, table)
  console.error(`${i + 1} of ${chosen.length} galleries, ${((performance.now() - started) / 1000).toFixed(0)} s`)
}
for (const [row, { found, asked }] of table)
  console.log(`${row.padEnd(28)} ${String(asked).padStart(5)}  ${((100 * found) / asked).toFixed(1)} %`)
if (values.out) writeFileSync(values.out, JSON.stringify(Object.fromEntries(table), null, 1))
await browser.close()
server.close()
