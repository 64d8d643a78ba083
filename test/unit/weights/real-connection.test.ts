import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { openSource } from '../../../src/weights/source.ts'
import { thrown } from './thrown.ts'

const BYTES = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, i) => (i * 11 + (i >> 9)) & 255))
const wait = async () => undefined

/** Runs a server on a free port for as long as `use` takes. */
async function serving<T>(listener: RequestListener, use: (port: number) => Promise<T>): Promise<T> {
  const server: Server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await use((server.address() as AddressInfo).port)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

describe('over a real connection', () => {
  it('puts a file together from connections that are cut', async () => {
    let connections = 0
    const cutting: RequestListener = (request, response) => {
      connections++
      const [, begin, end] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') as unknown as [string, number, number]
      const part = BYTES.subarray(Number(begin), Number(end) + 1)
      const headers = { 'content-range': `bytes ${begin}-${end}/${BYTES.length}`, 'content-length': part.length, etag: '"v"' }
      response.writeHead(206, headers)
      if (part.length < 60_000) response.end(part)
      else response.write(part.subarray(0, 60_000), () => response.destroy())
    }
    await serving(cutting, async (port) => {
      const file = await openSource(`http://127.0.0.1:${port}/m`, { wait }).open('w.bin')
      expect(BYTES.equals(await file.read(0, BYTES.length))).toBe(true)
      expect(connections).toBeGreaterThan(4)
    })
  })

  it('reads compressed JSON, but does not open a file that is only given compressed', async () => {
    const json = gzipSync('{"a":[1,2,3]}')
    const compressing: RequestListener = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip', 'content-length': json.length })
      response.end(json)
    }
    await serving(compressing, async (port) => {
      const source = openSource(`http://127.0.0.1:${port}/m`, { wait })
      expect(await source.json('config.json')).toEqual({ a: [1, 2, 3] })
      expect((await thrown(source.open('config.json'))).message).toContain('content-encoding gzip, which hides its size')
    })
  })

  it('keeps the token from the server that the Hub redirects to', async () => {
    const tokens: (string | undefined)[] = []
    const storing: RequestListener = (request, response) => {
      tokens.push(request.headers.authorization)
      response.end('{"a":1}')
    }
    await serving(storing, (storage) => {
      const redirecting: RequestListener = (request, response) => {
        tokens.push(request.headers.authorization)
        response.writeHead(302, { location: `http://127.0.0.1:${storage}/blob` }).end()
      }
      return serving(redirecting, async (hub) => {
        const source = openSource('owner/model', { endpoint: `http://127.0.0.1:${hub}`, token: 'hf_x', wait })
        expect(await source.json('config.json')).toEqual({ a: 1 })
      })
    })
    expect(tokens).toEqual(['Bearer hf_x', undefined])
  })

  it('explains a server that is not there', async () => {
    const port = await serving(
      () => undefined,
      async (port) => port,
    )
    const error = await thrown(openSource(`http://127.0.0.1:${port}/m`, { wait }).json('config.json'))
    expect(error.name).toBe('ModelLoadError')
    expect(error.message).toMatch(
      /config\.json could not be read in 3 tries: http:\/\/127\.0\.0\.1:\d+ could not be reached .*ECONNREFUSED/,
    )
  })
})
