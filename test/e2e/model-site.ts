import { createReadStream, statSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

/** A server of one model, of another origin than the page, that counts what it sends and can be told to stop. */
export interface ModelSite {
  /** URL of the model's folder, ending in '/'. */
  readonly model: string
  /** Requests so far: file and number of bytes sent. */
  readonly sent: { file: string; bytes: number }[]
  /** After so many bytes of one file answers stall. Default: never. */
  stallAfter: number
  /** Cuts every connection, and answers nobody any more; or answers again. */
  cut(off: boolean): void
  close(): Promise<void>
}

/** Bytes of tensors that were sent: what probes, samples and headers take is less than this a request. */
const SMALL = 65_536

/** Bytes of requests for more than samples and headers. */
export const streamedBytes = ({ sent }: ModelSite): number =>
  sent.filter(({ file, bytes }) => file.endsWith('.safetensors') && bytes > SMALL).reduce((sum, { bytes }) => sum + bytes, 0)

/** Serves a folder with ranges, ETags of size and date, and leave for all origins. */
export async function startModelSite(folder: string): Promise<ModelSite> {
  const sent: ModelSite['sent'] = []
  let off = false
  const server = createServer((request, response) => {
    if (off) return void request.socket.destroy()
    const file = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname).replace('/model/', '')
    const stat = statSync(join(folder, file), { throwIfNoEntry: false })
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('access-control-expose-headers', 'content-range, etag')
    if (!stat?.isFile()) return void response.writeHead(404).end()
    const [, first = '0', last = String(stat.size - 1)] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
    const [start, end] = [Number(first), Math.min(Number(last), stat.size - 1)]
    const entry = { file, bytes: 0 }
    sent.push(entry)
    response.writeHead(request.headers.range ? 206 : 200, {
      etag: `"${stat.size}-${stat.mtimeMs}"`,
      'content-length': end - start + 1,
      ...(request.headers.range && { 'content-range': `bytes ${start}-${end}/${stat.size}` }),
    })
    send(createReadStream(join(folder, file), { start, end }), response, entry, () => site.stallAfter)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const site: ModelSite = {
    model: `http://127.0.0.1:${(server.address() as AddressInfo).port}/model/`,
    sent,
    stallAfter: Number.POSITIVE_INFINITY,
    cut(now) {
      off = now
      if (now) server.closeAllConnections()
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  return site
}

function send(stream: ReturnType<typeof createReadStream>, response: ServerResponse, entry: { bytes: number }, most: () => number): void {
  response.on('close', () => stream.destroy())
  stream.on('data', (data) => {
    if (entry.bytes >= most()) return void stream.pause()
    entry.bytes += data.length
    if (!response.write(data)) {
      stream.pause()
      response.once('drain', () => stream.resume())
    }
  })
  stream.on('end', () => response.end())
  stream.on('error', () => response.destroy())
}
