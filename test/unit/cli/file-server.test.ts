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
