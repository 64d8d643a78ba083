import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { startFileServer } from '../../../cli/file-server.ts'

describe('startFileServer', () => {
  it('refuses paths of strangers, whatever they are, and lives on', async () => {
    const server = await startFileServer()
    const status = (path: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const asked = request({ host: '127.0.0.1', port: server.port, path, agent: false }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
        asked.on('error', reject).end()
      })
    try {
      for (const path of ['//', '///', '//:0/', '/', '/x', '/%', '*', '/%2e%2e/%2e%2e/etc/passwd'])
        expect([path, await status(path)]).toEqual([path, 403])
      expect(await status(new URL(server.page).pathname)).toBe(200)
    } finally {
      await server.close()
    }
  })
})

describe('made files', () => {
  it('are served whole, in ranges and by their version, and are kept by nobody', async () => {
    const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251))
    const asked: [number, number][] = []
    function* read(begin: number, end: number): Generator<Uint8Array> {
      asked.push([begin, end])
      for (let at = begin; at < end; at += 100) yield bytes.subarray(at, Math.min(at + 100, end))
    }
    const server = await startFileServer()
    const url = server.mount(new Map([['deep/a.bin', { size: 1000, version: 'v1', read }]]))
    try {
      const get = (range: string, more = {}) => fetch(`${url}deep/a.bin`, { headers: { range, ...more } })
      const whole = await fetch(`${url}deep/a.bin`)
      expect([whole.status, whole.headers.get('etag'), whole.headers.get('cache-control')]).toEqual([200, '"v1"', 'no-store'])
      expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).toBe(true)
      const part = await get('bytes=150-449')
      expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 150-449/1000'])
      expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(150, 450))).toBe(true)
      expect(asked).toEqual([
        [0, 1000],
        [150, 450],
      ])
      expect((await get('bytes=1000-1001')).status).toBe(416)
      expect((await get('bytes=0-1', { 'if-range': '"v0"' })).status).toBe(200)
      expect((await fetch(`${url}deep/b.bin`)).status).toBe(404)
      expect((await fetch(`${url}deep/`)).status).toBe(404)
    } finally {
      await server.close()
    }
  })
})
