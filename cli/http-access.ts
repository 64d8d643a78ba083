import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { refusal } from '../src/server/errors.ts'

/** Whom the server answers. */
export interface Access {
  /** A request must bear one of these; none: it may come from anybody. */
  keys: readonly string[]
  /** Pages of these origins may read answers; '*': all. */
  origins: readonly string[]
}

/** Paths that monitors ask without a key. */
const open = ['/health', '/version']

/** Errors: 401 invalid_api_key. */
export function checkKey({ keys }: Access, path: string, header: string | undefined): void {
  if (keys.length === 0 || open.includes(path)) return
  const given = digest(/^Bearer +(.*)$/i.exec(header ?? '')?.[1] ?? '')
  // Compared in a time that says nothing of how much is right, and with all of them.
  const right = keys.filter((key) => timingSafeEqual(digest(key), given))
  if (right.length > 0) return
  const message = header === undefined ? 'This server wants an API key' : 'The API key is wrong'
  throw refusal(`${message}; send it as Authorization: Bearer KEY.`, {
    status: 401,
    code: 'invalid_api_key',
    headers: { 'www-authenticate': 'Bearer' },
  })
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** What a client of another origin may read beside the body. */
const exposed = 'x-request-id, retry-after, retry-after-ms, x-should-retry'

/** Says which pages may read the answer; a preflight request is answered outright, and true given back. */
export function answerCors({ origins }: Access, request: IncomingMessage, response: ServerResponse): boolean {
  const { origin } = request.headers
  const all = origins.includes('*')
  if (!all) response.setHeader('vary', 'Origin')
  const allowed = all ? '*' : origin !== undefined && origins.includes(origin) ? origin : undefined
  if (allowed !== undefined) {
    response.setHeader('access-control-allow-origin', allowed)
    response.setHeader('access-control-expose-headers', exposed)
  }
  const method = request.headers['access-control-request-method']
  if (request.method !== 'OPTIONS' || origin === undefined || method === undefined) return false
  if (allowed !== undefined) {
    response.setHeader('access-control-allow-methods', 'GET, HEAD, POST, OPTIONS')
    // '*' would not stand for Authorization.
    response.setHeader('access-control-allow-headers', request.headers['access-control-request-headers'] ?? '*')
    response.setHeader('access-control-max-age', '600')
  }
  response.writeHead(204).end()
  return true
}
