import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fetchMedia, shortUrl } from '../../../src/util/fetch-media.ts'

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => 'nothing',
    (error: Error) => `${error.name}: ${error.message}`,
  )

const seen: { cookie: string | undefined; referer: string | undefined }[] = []
const routes: Record<string, RequestListener> = {
  '/ok': (request, response) => {
    seen.push({ cookie: request.headers.cookie, referer: request.headers.referer })
    response.end('picture')
  },
  '/missing': (_, response) => response.writeHead(404).end('<html>'),
  '/moved': (_, response) => response.writeHead(302, { location: '/ok' }).end(),
  '/announced': (_, response) => response.writeHead(200, { 'content-length': '1000' }).end(Buffer.alloc(1000)),
  '/endless': (_, response) => {
    const timer = setInterval(() => response.write(Buffer.alloc(64)), 1)
    response.on('close', () => clearInterval(timer))
  },
  '/silent': (_, response) => response.flushHeaders(),
}

let server: Server
let base = ''
beforeAll(async () => {
  server = createServer((request, response) => routes[request.url ?? '']?.(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

describe('fetchMedia', () => {
  it('gives the bytes, without cookies or referrer, and follows redirects', async () => {
    expect(text(await fetchMedia(`${base}/ok`))).toBe('picture')
    expect(text(await fetchMedia(`${base}/moved`))).toBe('picture')
    expect(seen).toEqual([
      { cookie: undefined, referer: undefined },
      { cookie: undefined, referer: undefined },
    ])
  })

  it('names the status of a refusal', async () => {
    expect(await failure(fetchMedia(`${base}/missing`, { name: 'image 3' }))).toBe(
      `MediaError: image 3 at ${base}/missing: the host answered 404 Not Found.`,
    )
  })

  it('stops at the cap, announced or not', async () => {
    const expected = /^MediaError: .* is larger than 0\.0005 MB/
    expect(await failure(fetchMedia(`${base}/announced`, { maxBytes: 500 }))).toMatch(expected)
    expect(await failure(fetchMedia(`${base}/endless`, { maxBytes: 500 }))).toMatch(expected)
    expect((await fetchMedia(`${base}/announced`, { maxBytes: 1000 })).length).toBe(1000)
  })

  it('ends when the time is up, while headers or body are awaited', async () => {
    expect(await failure(fetchMedia(`${base}/silent`, { timeout: 100 }))).toMatch(/^MediaError: .* did not arrive within 0\.1 s/)
    expect(await failure(fetchMedia(`${base}/endless`, { timeout: 100 }))).toMatch(/^MediaError: .* did not arrive within 0\.1 s/)
  })

  it('ends with AbortError when aborted, before and during', async () => {
    expect(await failure(fetchMedia(`${base}/ok`, { signal: AbortSignal.abort() }))).toMatch(/^AbortError/)
    const controller = new AbortController()
    const pending = failure(fetchMedia(`${base}/silent`, { signal: controller.signal }))
    setTimeout(() => controller.abort(), 20)
    expect(await pending).toMatch(/^AbortError/)
  })

  it('explains what may be behind a network failure', async () => {
    expect(await failure(fetchMedia('http://127.0.0.1:1/x.png'))).toMatch(/^MediaError: .*Access-Control-Allow-Origin.*data: URL/)
  })

  it.each([
    ['data:text/plain;base64,cGljdHVyZQ==', 'picture'],
    ['data:;base64,cGlj dHVyZQ', 'picture'],
    ['data:text/plain;BASE64,cGljdHVyZQ%3D%3D', 'picture'],
    ['data:,a%20b%C3%A9%zz', 'a bé%zz'],
    ['data:,ü', 'ü'],
  ])('reads %s', async (url, expected) => {
    expect(text(await fetchMedia(url))).toBe(expected)
  })

  it.each([
    ['data:image/png;base64,@@@', 'base64 is damaged'],
    ['data:image/png;base64', 'without a comma'],
    ['file:///etc/passwd', 'a page cannot read'],
    ['ftp://host/x.png', 'scheme ftp:; allowed are http:, https:, data: and blob:'],
    ['pictures/x.png', 'not an absolute address'],
  ])('refuses %s', async (url, expected) => {
    expect(await failure(fetchMedia(url))).toContain(expected)
  })

  it('refuses data beyond the cap', async () => {
    expect(await failure(fetchMedia(`data:;base64,${'A'.repeat(1000)}`, { maxBytes: 500 }))).toMatch(/larger than/)
    expect(await failure(fetchMedia(`data:,${'A'.repeat(1000)}`, { maxBytes: 500 }))).toMatch(/larger than/)
    for (const body of [`;base64,${btoa('A'.repeat(500))}`, `,${'%41'.repeat(500)}`, `,${'A'.repeat(500)}`])
      expect((await fetchMedia(`data:${body}`, { maxBytes: 500 })).length).toBe(500)
  })
})

describe('fetchMedia with allowed hosts', () => {
  it('fetches from those alone, whatever their case, and follows no redirect', async () => {
    const hosts = ['127.0.0.1']
    expect(text(await fetchMedia(`${base}/ok`.replace('http', 'HTTP'), { hosts }))).toBe('picture')
    expect(await failure(fetchMedia(`${base}/moved`, { hosts }))).toMatch(/^MediaError: .*redirects, which is not followed/)
  })

  it.each([
    'http://localhost/x.png',
    'http://127.0.0.1.example.org/',
    'http://127.0.0.1@example.org/',
    'http://example.org/127.0.0.1',
    'http://',
  ])('refuses %s before asking anyone', async (url) => {
    expect(await failure(fetchMedia(url, { hosts: ['127.0.0.1'] }))).toMatch(
      /^InvalidRequestError: .*is not among allowed_media_domains \(127\.0\.0\.1\)/,
    )
  })

  it('leaves data alone', async () => {
    expect(text(await fetchMedia('data:,a', { hosts: [] }))).toBe('a')
  })
})

describe('what fetchMedia calls its failures', () => {
  const rows: [what: string, fetched: () => Promise<unknown>, code: string][] = [
    ['a status', () => fetchMedia(`${base}/missing`), 'media_fetch_failed'],
    ['no connection', () => fetchMedia('http://127.0.0.1:1/x.png'), 'media_fetch_failed'],
    ['a revoked object URL', () => fetchMedia('blob:nodedata:0'), 'media_fetch_failed'],
    ['too large a body', () => fetchMedia(`${base}/endless`, { maxBytes: 500 }), 'media_too_large'],
    ['too large data', () => fetchMedia(`data:;base64,${'A'.repeat(1000)}`, { maxBytes: 500 }), 'media_too_large'],
    ['a drip', () => fetchMedia(`${base}/endless`, { timeout: 50 }), 'media_timeout'],
    ['a path', () => fetchMedia('file:///etc/passwd'), 'unsupported_url_scheme'],
    ['another scheme', () => fetchMedia('ftp://host/x.png'), 'unsupported_url_scheme'],
  ]
  for (const [what, fetched, code] of rows) {
    it(what, async () => {
      const error = await fetched().catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ name: 'MediaError', code })
    })
  }
})

describe('shortUrl', () => {
  it('keeps data and long addresses out of messages', () => {
    expect(shortUrl(`data:image/png;base64,${'A'.repeat(5000)}`)).toBe('data:image/png;base64,… (5022 characters)')
    expect(shortUrl(`https://host/${'a'.repeat(500)}`).length).toBe(121)
  })
})
