import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { errorAnswer, refusal } from '../src/server/errors.ts'
import { isJson } from '../src/server/request-body.ts'
import type { EngineHost } from './engine-host.ts'
import type { AnswerSink } from './engine-page.ts'
import { type Access, answerCors, checkKey } from './http-access.ts'
import { type MediaPolicy, type ServedMedia, serveMedia } from './page-media.ts'
import { TokenCount } from './token-count.ts'

/** What the HTTP side of `serve` is made with. */
export interface FrontOptions extends Access {
  host: Pick<EngineHost, 'current' | 'explain'>
  policy: MediaPolicy
  /** Told of each request at its end, in one line. */
  log?: ((line: string) => void) | undefined
}

/** Bytes of a request's body at most. */
const MAX_BODY = 64 * 1024 * 1024
/** How long the rest of a body that is too large is read, so that its sender sees the answer; in milliseconds. */
const LINGER = 10_000

/** A server that hands requests to the engine's page and its answers back, piece by piece as the client takes them. */
export function createFront(options: FrontOptions): Server {
  const server = createServer((request, response) => {
    const exchange = new Exchange(request, response, options)
    if (!server.listening) response.setHeader('connection', 'close')
    exchange.run().catch((error) => exchange.fail(error))
    // Otherwise a connection that was in use when the server stopped listening would keep it up until it times out.
    response.on('close', () => {
      if (!server.listening) setImmediate(() => server.closeIdleConnections())
    })
  })
  return server
}

/** One request and its answer. */
class Exchange implements AnswerSink {
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #options: FrontOptions
  readonly #gone = new AbortController()
  /** The caller's own, or one of ours; in the answer and in the engine. */
  readonly #id: string
  readonly #tokens = new TokenCount()
  #media: ServedMedia | undefined
  /** An answer that is no stream: sent when it is complete, so that an engine that ends meanwhile still gives an answer. */
  #whole: { status: number; headers: Record<string, string>; text: string } | undefined

  constructor(request: IncomingMessage, response: ServerResponse, options: FrontOptions) {
    this.#request = request
    this.#response = response
    this.#options = options
    this.#id = String(request.headers['x-request-id'] ?? randomUUID().replaceAll('-', ''))
    response.setHeader('x-request-id', this.#id)
    const start = performance.now()
    response.on('close', () => {
      if (!response.writableFinished) this.#gone.abort()
      const status = response.writableFinished ? response.statusCode : 'client gone'
      const time = `${Math.round(performance.now() - start)} ms`
      options.log?.([request.method, request.url, status, time, this.#tokens.text()].filter(Boolean).join(' '))
    })
    // A connection that breaks is seen at the response.
    request.on('error', () => {})
    response.on('error', () => {})
  }

  async run(): Promise<void> {
    const { method = 'GET', url = '/', headers } = this.#request
    const { host, policy } = this.#options
    if (answerCors(this.#options, this.#request, this.#response)) return
    if (!url.startsWith('/')) throw refusal(`${url} is no path.`, { status: 404, code: 'unknown_url' })
    checkKey(this.#options, url.split('?', 1)[0] ?? url, headers.authorization)
    let body = method === 'GET' || method === 'HEAD' ? null : await this.#readBody()
    const engine = host.current()
    try {
      const parsed = body !== null && isJson(headers['content-type']) ? withMessages(body) : undefined
      if (parsed) {
        this.#media = await serveMedia(parsed, engine.server, policy, this.#gone.signal)
        body = this.#media.changed ? JSON.stringify(parsed) : body
      }
      await engine.answer(
        { method, path: url, headers: { ...forwarded(headers), 'x-request-id': this.#id }, body },
        this,
        this.#gone.signal,
      )
      this.#end()
    } finally {
      this.#media?.release()
    }
  }

  head(status: number, headers: Record<string, string>): void {
    if (this.#response.headersSent || this.#gone.signal.aborted) return
    // Those of the page are for pages of its own origin, and this connection has its own ways.
    const kept = Object.entries(headers).filter(
      ([name]) => !/^(access-control-.*|vary|connection|keep-alive|transfer-encoding|content-length)$/i.test(name),
    )
    if (!isEventStream(headers['content-type'])) {
      this.#whole = { status, headers: Object.fromEntries(kept), text: '' }
      return
    }
    for (const [name, value] of kept) this.#response.setHeader(name, value)
    this.#response.writeHead(status)
    this.#response.flushHeaders()
  }

  write(text: string): Promise<void> | void {
    this.#tokens.see(text)
    const response = this.#response
    const readable = this.#media?.rename(text) ?? text
    if (this.#whole) {
      this.#whole.text += readable
      return
    }
    if (response.destroyed || response.write(readable)) return
    return new Promise((resolve) => {
      const done = (): void => {
        response.off('drain', done).off('close', done)
        resolve()
      }
      response.on('drain', done).on('close', done)
    })
  }

  #end(): void {
    const whole = this.#whole
    if (!whole || this.#gone.signal.aborted) return void this.#response.end()
    this.#response.writeHead(whole.status, { ...whole.headers, 'content-length': Buffer.byteLength(whole.text) })
    this.#response.end(whole.text)
  }

  /** Says what went wrong, in the way that is still open. */
  fail(thrown: unknown): void {
    const response = this.#response
    if (this.#gone.signal.aborted || response.writableEnded) return
    const { status, headers, body } = errorAnswer(this.#options.host.explain(thrown))
    if (!response.headersSent) {
      const text = JSON.stringify(body)
      response.writeHead(status, { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
      response.end(text)
    } else {
      // An empty line first, in case an event was cut in two.
      response.end(`\n\ndata: ${JSON.stringify(body)}\n\ndata: [DONE]\n\n`)
    }
  }

  async #readBody(): Promise<string> {
    const request = this.#request
    if (Number(request.headers['content-length'] ?? 0) > MAX_BODY) throw this.#tooLarge()
    const pieces: Uint8Array[] = []
    let bytes = 0
    await new Promise<void>((resolve, reject) => {
      const onData = (piece: Uint8Array): void => {
        bytes += piece.length
        pieces.push(piece)
        if (bytes <= MAX_BODY) return
        request.off('data', onData)
        reject(this.#tooLarge())
      }
      request.on('data', onData)
      request.on('end', resolve)
      request.on('close', () => reject(refusal('The request broke off.')))
    })
    // Without a byte order mark, as the router reads it.
    return new TextDecoder().decode(Buffer.concat(pieces))
  }

  #tooLarge(): Error {
    const request = this.#request
    request.resume()
    setTimeout(() => request.destroy(), LINGER).unref()
    return refusal(`The request's body is larger than ${MAX_BODY / 1024 / 1024} MiB; send media by address, or smaller.`, {
      status: 413,
      code: 'media_too_large',
    })
  }
}

const isEventStream = (type: string | undefined): boolean => type?.startsWith('text/event-stream') ?? false

/** A body that may name media; undefined is the router's to judge. */
function withMessages(text: string): unknown {
  // The name may be written with escapes.
  if (!/"messages"|\\u/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What the router looks at. */
function forwarded(headers: IncomingMessage['headers']): Record<string, string> {
  const names = ['accept', 'content-type']
  return Object.fromEntries(names.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]])))
}
