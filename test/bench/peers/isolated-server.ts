import { createReadStream, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize, sep } from 'node:path'

/** A folder, or files in memory by their paths. */
export type Mounted = string | ReadonlyMap<string, Uint8Array>

/** Serves files on a free port of 127.0.0.1, with byte ranges. */
export interface IsolatedServer {
  /** Makes files readable and gives their address, which ends in '/'. */
  mount(files: Mounted): string
  close(): Promise<void>
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.wasm': 'application/wasm',
}

/** What makes a page cross-origin isolated, without which a browser gives it neither threads nor shared memory. */
const ISOLATION = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
}

/** Starts a server whose pages are cross-origin isolated. */
export async function startIsolatedServer(): Promise<IsolatedServer> {
  const mounts: Mounted[] = []
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const [, mount = '', path = ''] = /^\/m(\d+)\/(.*)$/.exec(pathname) ?? []
    const files = mounts[Number(mount || Number.NaN)]
    if (files === undefined) refuse(response, 404)
    else answer(request, response, files, decodeURIComponent(path))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    mount: (files) => `http://127.0.0.1:${port}/m${mounts.push(files) - 1}/`,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function answer(request: IncomingMessage, response: ServerResponse, files: Mounted, path: string): void {
  const bytes = typeof files === 'string' ? undefined : files.get(path)
  const file = typeof files === 'string' ? inside(files, path) : undefined
  const size = bytes?.length ?? (file && statSync(file, { throwIfNoEntry: false })?.isFile() ? statSync(file).size : undefined)
  if (size === undefined) {
    refuse(response, 404)
    return
  }
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  const start = Number(first ?? 0)
  const end = last ? Math.min(size, Number(last) + 1) : size
  if (start > end) {
    refuse(response, 416)
    return
  }
  response.writeHead(first === undefined ? 200 : 206, {
    ...ISOLATION,
    'content-type': types[extname(path)] ?? 'application/octet-stream',
    'content-length': end - start,
    'accept-ranges': 'bytes',
    ...(first !== undefined && { 'content-range': `bytes ${start}-${end - 1}/${size}` }),
  })
  if (request.method === 'HEAD' || start === end) response.end()
  else if (bytes) response.end(bytes.subarray(start, end))
  else if (file) {
    const stream = createReadStream(file, { start, end: end - 1 })
    stream.on('error', () => response.destroy())
    response.on('close', () => stream.destroy())
    stream.pipe(response)
  }
}

function inside(folder: string, path: string): string | undefined {
  const file = normalize(join(folder, path))
  return file.startsWith(normalize(folder + sep)) ? file : undefined
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, ISOLATION)
  response.end()
}
