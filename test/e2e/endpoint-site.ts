import { existsSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, resolve } from 'node:path'
import type { Page } from 'playwright'
import { build } from 'vite'
import type { LLMOptions, OcellusEndpoint, registerOcellus as Register } from '../../src/index.ts'
import type { OpenAI as Client, APIError as ClientError } from './pages/openai-client.ts'
import { dist, embeddingModel, goldenImages, randomModel } from './places.ts'

/** A site as somebody would host it: pages under /app/ and /repo/ with the service worker beside them, the library and two models. */
export interface EndpointSite {
  readonly origin: string
  /** What pages have reported by POST, in order. */
  readonly reports: Record<string, unknown>[]
  /** What came to the server: method and path. */
  readonly requests: string[]
  /** Written into the service worker's script; another number is an update. */
  version: number
  close(): Promise<void>
}

type ClientOptions = NonNullable<ConstructorParameters<typeof Client>[0]>

declare global {
  // What functions sent to the page find there.
  var registerOcellus: typeof Register
  var OpenAI: typeof Client
  var APIError: typeof ClientError
  var engineOptions: Omit<LLMOptions, 'worker' | 'signal'>
  var client: (more?: ClientOptions) => Client
  var endpoint: OcellusEndpoint
  /** What the model is called in requests. */
  var model: string
  var report: (body: Record<string, unknown>) => Promise<unknown>
}

const page = (script: string): string => `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>endpoint</title>
<script type="module">
import { LLM, registerOcellus } from '/dist/index.js'
import { APIError, OpenAI } from '/openai.js'
const model = new URL('/model/', location.href).href
const engineOptions = { model, max_model_len: 2048, dtype: 'float32' }
const client = (more) =>
  new OpenAI({ baseURL: new URL('v1', location.href).href, apiKey: 'none', dangerouslyAllowBrowser: true, maxRetries: 0, ...more })
const report = (body) => fetch('/report', { method: 'POST', body: JSON.stringify(body) })
Object.assign(globalThis, { LLM, registerOcellus, OpenAI, APIError, engineOptions, model, client, report })
${script}
</script>`

const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json' }

/** Starts the site. `script` runs in alone.html of both folders, for browsers that nobody drives. */
export async function startEndpointSite(script = ''): Promise<EndpointSite> {
  const made: Readonly<Record<string, string>> = { 'index.html': page(''), 'alone.html': page(script), 'openai.js': await bundleClient() }
  const site = { reports: [] as Record<string, unknown>[], requests: [] as string[], version: 1 }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    site.requests.push(`${request.method} ${pathname}`)
    const body = await bodyOf(request)
    if (request.method === 'POST' && pathname === '/report') {
      site.reports.push(JSON.parse(body))
      response.end()
      return
    }
    const name = pathname.replace(/^\/(app\/|repo\/)?/, '').replace(/^$/, 'index.html')
    const content = request.method === 'GET' ? (made[name] ?? fileAt(name, site.version)) : undefined
    if (content === undefined) response.writeHead(404, { 'x-from': 'network' }).end(`${request.method} ${pathname} came to the network.`)
    else {
      const type = types[extname(name)] ?? 'application/octet-stream'
      response.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(content) }).end(content)
    }
  }
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done)
  })
  const close = (): Promise<void> => {
    server.closeAllConnections()
    return new Promise((done) => server.close(() => done()))
  }
  return Object.assign(site, { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close })
}

/** Opens a page of a folder and waits for its globals. */
export async function visit(page: Page, site: EndpointSite, folder = 'app'): Promise<void> {
  await page.goto(`${site.origin}/${folder}/`)
  await page.waitForFunction(() => globalThis.registerOcellus !== undefined)
}

function fileAt(name: string, version: number): string | Buffer | undefined {
  if (name === 'service-worker.js') return `// version ${version}\n${readFileSync(join(dist, name), 'utf8')}`
  const [folder = '', file = ''] = name.split(/\/(.*)/)
  const path = join({ dist, model: randomModel, embedding: embeddingModel, images: goldenImages }[folder] ?? '/nowhere', file)
  return existsSync(path) ? readFileSync(path) : undefined
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString('utf8')
}

/** The openai client as a module for pages. */
async function bundleClient(): Promise<string> {
  const entry = resolve(import.meta.dirname, 'pages/openai-client.ts')
  const lib = { entry, formats: ['es' as const] }
  const built = await build({ configFile: false, logLevel: 'error', publicDir: false, build: { write: false, minify: false, lib } })
  const [output] = Array.isArray(built) ? built : [built]
  if (!output || !('output' in output)) throw new Error(`${entry} gave no code`)
  return output.output[0].code
}

/** Opens a page of a folder and registers the endpoint there, with the model of random weights. */
export async function visitAndRegister(page: Page, site: EndpointSite, folder = 'app'): Promise<void> {
  await visit(page, site, folder)
  await page.evaluate(async () => {
    globalThis.endpoint = await registerOcellus({ url: './service-worker.js', engine: engineOptions })
  })
}

/** What a stream that was begun with startStream has come to. */
export interface StreamState {
  chunks: number
  /** How it ended: 'done', or the error as text; undefined while it goes on. */
  ended?: string
}

declare global {
  var streams: StreamState[]
}

/** Begins a streamed answer in a page, long unless told, and waits for its first chunks; gives its place in `streams`. */
export async function startStream(page: Page, max_tokens = 1900): Promise<number> {
  const place = await page.evaluate((max_tokens) => {
    globalThis.streams ??= []
    const state: StreamState = { chunks: 0 }
    const read = async (): Promise<void> => {
      const body = { model, messages: [{ role: 'user' as const, content: 'Hi' }], max_tokens, ignore_eos: true }
      const chunks = await client().chat.completions.create({ ...body, stream: true })
      for await (const _ of chunks) state.chunks++
    }
    read().then(
      () => (state.ended = 'done'),
      (error: Error & { code?: string }) => (state.ended = `${error.name} ${error.code ?? ''} ${error.message}`),
    )
    return streams.push(state) - 1
  }, max_tokens)
  await page.waitForFunction((place) => streams[place]!.chunks > 3 || streams[place]!.ended, place)
  return place
}

/** Waits for the end of a stream and gives how it ended. */
export async function endOf(page: Page, place: number, timeout = 2000): Promise<string | undefined> {
  await page.waitForFunction((place) => streams[place]!.ended !== undefined, place, { timeout }).catch(() => {})
  return page.evaluate((place) => streams[place]!.ended, place)
}

/** A short greedy answer by the client of a page. */
export const ask = (page: Page, content = 'Hi', maxRetries = 0): Promise<string | null | undefined> =>
  page.evaluate(
    async ([content, maxRetries]) => {
      const body = { model, messages: [{ role: 'user' as const, content }], max_tokens: 6, temperature: 0 }
      const answer = await client({ maxRetries }).chat.completions.create({ ...body })
      return answer.choices[0]?.message.content
    },
    [content, maxRetries] as const,
  )

/** Waits until the engine that a page hosts has neither running nor waiting requests, and gives what it still holds then. */
export const idleEngine = (page: Page, patience = 2000): Promise<{ running: number; waiting: number }> =>
  page.evaluate(async (patience) => {
    for (const end = performance.now() + patience; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
      const { running, waiting } = await endpoint.llm!.stats()
      if (running + waiting === 0 || performance.now() > end) return { running, waiting }
    }
  }, patience)
