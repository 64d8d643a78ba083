import { copyFileSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { goldenImages, randomModel } from './places.ts'
import { scratchFolder } from './run-cli.ts'
import { type ServeProcess, startServe } from './serve-process.ts'

const base = scratchFolder()
const root = join(base, 'pictures')
mkdirSync(root)
const shapes = join(goldenImages, 'shapes.png')
copyFileSync(shapes, join(root, 'my shapes.png'))
copyFileSync(shapes, join(base, 'outside.png'))
symlinkSync(join(base, 'outside.png'), join(root, 'link.png'))

/** Answers by path; counts what it was asked for. */
const asked: string[] = []
const picture = readFileSync(shapes)
const pages: Record<string, (response: ServerResponse) => void> = {
  '/shapes.png': (response) => response.end(picture),
  '/wrong-type': (response) => response.setHeader('content-type', 'text/plain').end(picture),
  '/hop': (response) => response.writeHead(302, { location: '/shapes.png' }).end(),
  '/hop-away': (response) => response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end(),
  '/page.html': (response) => response.setHeader('content-type', 'text/html').end('<!doctype html><p>Not found'),
  '/drawing.svg': (response) => response.setHeader('content-type', 'image/svg+xml').end('<svg xmlns="http://www.w3.org/2000/svg"/>'),
  '/missing.png': (response) => response.writeHead(404).end(),
  '/refused.png': (response) => response.writeHead(403).end(),
  '/slow-drip': (response) => {
    const timer = setInterval(() => response.write('x'), 100)
    response.on('close', () => clearInterval(timer))
  },
  '/endless': (response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    }
    response.on('drain', more)
    more()
  },
  '/truncated.png': (response) => response.end(picture.subarray(0, picture.length >> 1)),
  '/cut-off.png': (response) => {
    response.writeHead(200, { 'content-length': picture.length })
    response.write(picture.subarray(0, 100), () => response.destroy())
  },
}

let media: Server
let host: string
let server: ServeProcess
beforeAll(async () => {
  media = createServer((request, response) => {
    asked.push(request.url ?? '')
    const answer = pages[request.url ?? '']
    if (answer) answer(response)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => media.listen(0, '127.0.0.1', resolve))
  host = `127.0.0.1:${(media.address() as AddressInfo).port}`
  server = await startServe(
    ...[randomModel, '--served-model-name', 'random', '--max-model-len', '1024', '--dtype', 'float32', '--limit-mm-per-prompt', 'image=2'],
    ...['--allowed-local-media-path', root, '--allowed-media-domains', '127.0.0.1'],
    ...['--media-fetch-timeout', 'image=1', '--max-media-bytes', 'image=1000000'],
  )
})
afterAll(async () => {
  media?.closeAllConnections()
  media?.close()
  await server?.stop()
})

interface Answer {
  status: number
  content?: string
  message: string
  code: string | null
  param: string | null
}

async function describePictures(...urls: unknown[]): Promise<Answer> {
  const content = [...urls.map((url) => ({ type: 'image_url', image_url: { url } })), { type: 'text', text: 'What?' }]
  const body = { model: 'random', messages: [{ role: 'user', content }], temperature: 0, max_tokens: 4, ignore_eos: true }
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify(body) })
  const { choices, error } = await response.json()
  return { status: response.status, content: choices?.[0].message.content, message: '', code: null, param: null, ...error }
}

const url = (place: string): string => (place.startsWith('/') ? `http://${host}${place}` : place)
const inRoot = (name: string): string => `${pathToFileURL(root).href}/${name}`

describe('ocellus serve, pictures', () => {
  it('takes the same picture as data, from a host, over a redirect, under any type, and as a file', async () => {
    const data = await describePictures(`data:image/png;base64,${picture.toString('base64')}`)
    expect(data.status).toBe(200)
    for (const place of ['/shapes.png', '/hop', '/wrong-type', inRoot('my%20shapes.png')]) {
      expect([place, (await describePictures(url(place))).content]).toEqual([place, data.content])
    }
  })

  const refused: [what: string, place: string, status: number, code: string | null, message: RegExp][] = [
    ['a drip of a byte at a time', '/slow-drip', 504, 'media_timeout', /slow-drip took longer than 1 s/],
    ['more than may come, while it comes', '/endless', 413, 'media_too_large', /endless is larger than 1 MB/],
    ['a redirect to an address of the network', '/hop-away', 400, null, /169\.254\.169\.254 is not among --allowed-media-domains/],
    ['another host', 'http://localhost/x.png', 400, null, /localhost is not among/],
    ['what is not there', '/missing.png', 422, 'media_fetch_failed', /missing\.png answered 404/],
    ['what the host keeps to itself', '/refused.png', 422, 'media_fetch_failed', /refused\.png answered 403/],
    ['a connection that breaks', '/cut-off.png', 422, 'media_fetch_failed', /cut-off\.png cannot be fetched/],
    ['a file outside', pathToFileURL(join(base, 'outside.png')).href, 400, null, /no file below --allowed-local-media-path/],
    ['a link that leads outside', inRoot('link.png'), 400, null, /no file below/],
    ['dots in disguise', inRoot('%2e%2e/outside.png'), 400, null, /no file below/],
    ['slashes in disguise', inRoot('..%2foutside.png'), 400, null, /no file below/],
    ['a blob', 'blob:http://localhost/1', 400, 'unsupported_url_scheme', /blob:/],
    ['another scheme', 'ftp://host/x.png', 400, 'unsupported_url_scheme', /ftp:/],
    ['no address', 'x.png', 400, 'unsupported_url_scheme', /x\.png/],
  ]
  for (const [what, place, status, code, message] of refused) {
    it(`refuses ${what}, and answers the next request`, async () => {
      const answer = await describePictures(url(place))
      expect([answer.status, answer.code]).toEqual([status, code])
      expect(answer.message).toMatch(message)
      expect(answer.message).not.toContain('ocellus.localhost')
      expect(answer.param).toMatch(/^messages/)
      expect((await describePictures(url('/shapes.png'))).status).toBe(200)
    })
  }

  const fetched: [what: string, place: string, message: RegExp][] = [
    ['a web page', '/page.html', /HTML/],
    ['a drawing', '/drawing.svg', /SVG/],
    ['half a picture', '/truncated.png', /damaged or incomplete PNG/],
  ]
  for (const [what, place, message] of fetched) {
    it(`says what came in place of a picture: ${what}`, async () => {
      const answer = await describePictures(url(place))
      expect([answer.status, answer.code]).toEqual([400, 'invalid_image'])
      expect(answer.message).toMatch(message)
      expect((await describePictures(url('/shapes.png'))).status).toBe(200)
    })
  }

  it('fetches nothing when there are more pictures than the model takes', async () => {
    const before = asked.length
    const answer = await describePictures(url('/shapes.png'), url('/shapes.png'), url('/shapes.png'))
    expect([answer.status, answer.code]).toEqual([400, 'too_many_images'])
    expect(asked.length).toBe(before)
  })

  it('leaves addresses of a wrong form to the router', async () => {
    expect((await describePictures(7)).status).toBe(400)
    expect((await describePictures(null)).status).toBe(400)
  })
})
