import { randomBytes } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, join, normalize, sep } from 'node:path'
import { Readable } from 'node:stream'

/** A file whose bytes are made as they are read. */
export interface MadeFile {
  /** Bytes. */
  readonly size: number
  readonly type?: string
  /** Changes when the bytes do. */
  readonly version?: string
  /** The bytes [begin, end), in pieces. */
  read(begin: number, end: number): Iterable<Uint8Array>
}

/** What the page may read. Its addresses hold a random part, so that no other page of this machine can guess them. */
export interface FileServer {
  /** An empty page; the library is imported into it. */
  readonly page: string
  readonly port: number
  /** Makes a folder, or made files by their paths, readable and gives the URL, which ends in the folder's name, if any, and '/'. */
  mount(folder: string | ReadonlyMap<string, MadeFile>): string
  /** Makes one file, or bytes in memory, readable and gives its URL. */
  publish(content: string | Uint8Array): string
  /** Takes a published file back. Unknown URLs are ignored. */
  withdraw(url: string): void
  close(): Promise<void>
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
}

const emptyPage = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>ocellus</title>'

/**
 * Serves mounted folders and published files on a free port of 127.0.0.1, with byte ranges. `origin`: what the page calls that port, for a
 * browser that was told to find it there.
 */
export async function startFileServer(origin?: string): Promise<FileServer> {
  const key = randomBytes(16).toString('hex')
  const host = origin === undefined ? undefined : new URL(origin).host
  const folders = new Map<string, string | ReadonlyMap<string, MadeFile>>()
  const files = new Map<string, string | Uint8Array>()
  const server = createServer((request, response) => {
    const [, given, place = '', ...rest] = pathOf(request.url ?? '/').split('/')
    if (given !== key || !(request.headers.host === host || isOurs(request.headers.host))) return refuse(response, 403)
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405)
    if (place === '') return answer(request, response, { bytes: Buffer.from(emptyPage), type: types['.html'] })
    const file = files.get(place)
    if (file !== undefined) return answer(request, response, typeof file === 'string' ? { path: file } : { bytes: file })
    const folder = folders.get(/^d\d+/.exec(place)?.[0] ?? '')
    const made = typeof folder === 'object' ? folder.get(rest.join('/')) : undefined
    if (made) return answer(request, response, { made, type: made.type })
    const path = typeof folder === 'string' ? inside(folder, rest.join('/')) : undefined
    if (path === undefined) return refuse(response, 404)
    answer(request, response, { path, type: types[/\.\w+$/.exec(path)?.[0] ?? ''] })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const base = `${origin ?? `http://127.0.0.1:${port}`}/${key}/`
  let count = 0
  return {
    page: base,
    port,
    mount(folder) {
      const place = `d${count++}`
      folders.set(place, folder)
      return typeof folder === 'string' ? `${base}${place}-${encodeURIComponent(basename(folder))}/` : `${base}${place}/`
    },
    publish(content) {
      const place = `f${count++}`
      files.set(place, content)
      return base + place
    },
    withdraw(url) {
      if (url.startsWith(base)) files.delete(url.slice(base.length))
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** Anybody on this machine may send anything: '//' has no path. */
const pathOf = (url: string): string => (URL.canParse(url, 'http://localhost') ? new URL(url, 'http://localhost').pathname : '')

/** A name of this machine: a page of another site that has its own name lead here sends that name. */
const isOurs = (host: string | undefined): boolean => /^(127\.0\.0\.1|localhost):\d+$/.test(host ?? '')

/** A file below a folder. Links are followed: the Hub's own cache is made of them. */
function inside(folder: string, name: string): string | undefined {
  let decoded: string
  try {
    decoded = decodeURIComponent(name)
  } catch {
    return undefined
  }
  if (decoded.includes('\0')) return undefined
  const path = normalize(join(folder, decoded))
  return path.startsWith(normalize(folder + sep)) ? path : undefined
}

interface Content {
  path?: string
  bytes?: Uint8Array
  made?: MadeFile
  type?: string | undefined
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { path, bytes, made, type = 'application/octet-stream' }: Content,
): void {
  const stat = path === undefined ? undefined : statSync(path, { throwIfNoEntry: false })
  if (path !== undefined && !stat?.isFile()) {
    refuse(response, 404)
    return
  }
  const size = stat?.size ?? bytes?.byteLength ?? made?.size ?? 0
  const version = stat ? `${size.toString(36)}-${stat.mtimeMs.toString(36)}` : made?.version
  const etag = version === undefined ? undefined : `"${version}"`
  const range = requestedRange(request, size, etag)
  if (range === 'bad') {
    response.setHeader('content-range', `bytes */${size}`)
    refuse(response, 416)
    return
  }
  const { start, end } = range ?? { start: 0, end: size }
  response.writeHead(range ? 206 : 200, {
    'content-type': type,
    'content-length': end - start,
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
    ...(etag && { etag }),
    // Gigabytes that are made anew in no time have no place in the browser's cache.
    ...(made && { 'cache-control': 'no-store' }),
    ...(range && { 'content-range': `bytes ${start}-${end - 1}/${size}` }),
  })
  if (request.method === 'HEAD' || end === start) response.end()
  else if (bytes) response.end(bytes.subarray(start, end))
  else if (made) sendMade(response, made.read(start, end))
  else if (path !== undefined) {
    const stream = createReadStream(path, { start, end: end - 1 })
    stream.on('error', () => response.destroy())
    response.on('close', () => stream.destroy())
    stream.pipe(response)
  }
}

function sendMade(response: ServerResponse, pieces: Iterable<Uint8Array>): void {
  const stream = Readable.from(pieces, { objectMode: true })
  stream.on('error', () => response.destroy())
  response.on('close', () => stream.destroy())
  stream.pipe(response)
}

/** The one range that was asked for; undefined for the whole file. */
function requestedRange(
  request: IncomingMessage,
  size: number,
  etag: string | undefined,
): { start: number; end: number } | 'bad' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  if (first === '' && last === '') return undefined
  const condition = request.headers['if-range']
  if (condition !== undefined && condition !== etag) return undefined
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1)
  return start < end ? { start, end } : 'bad'
}

function refuse(response: ServerResponse, status: number): void {
  response.statusCode = status
  response.end()
}
