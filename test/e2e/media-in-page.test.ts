import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LibraryPage, openLibraryPage } from './page.ts'
import { goldenImages } from './places.ts'

const picture = readFileSync(join(goldenImages, 'shapes.png'))

/** The first bytes of a PNG of so many pixels a side, as one that is larger unpacked than any memory would begin. */
function pngHeader(side: number): Buffer {
  const bytes = Buffer.alloc(33)
  bytes.set([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52])
  bytes.writeUInt32BE(side, 16)
  bytes.writeUInt32BE(side, 20)
  bytes.set([8, 6], 24)
  return bytes
}

/** What the host of the pictures was asked for. */
const asked: IncomingMessage[] = []
/** Answers that were not read to their end. */
const dropped: string[] = []
let elsewhere = ''

/** The host's answers. Pages of every origin may read them, but for /closed. */
const pages: Record<string, (response: ServerResponse) => void> = {
  '/shapes.png': (response) => response.end(picture),
  '/wrong-type': (response) => response.setHeader('content-type', 'text/html').end(picture),
  '/hop': (response) => response.writeHead(302, { location: '/shapes.png' }).end(),
  '/hop-away': (response) => response.writeHead(302, { location: `${elsewhere}/closed.png` }).end(),
  '/closed.png': (response) => {
    response.removeHeader('access-control-allow-origin')
    response.end(picture)
  },
  '/page.html': (response) => response.setHeader('content-type', 'image/png').end('<!doctype html><p>Not found'),
  '/drawing.svg': (response) => response.setHeader('content-type', 'image/svg+xml').end('<svg xmlns="http://www.w3.org/2000/svg"/>'),
  '/missing.png': (response) => response.writeHead(404).end('<!doctype html>'),
  '/silent': () => {},
  '/slow-drip': (response) => {
    const timer = setInterval(() => response.write('x'), 100)
    response.on('close', () => clearInterval(timer))
  },
  '/announced': (response) => response.writeHead(200, { 'content-length': 30e6 }).write('x'),
  '/endless': (response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    }
    response.on('drain', more)
    more()
  },
  '/cut-off.png': (response) => {
    response.writeHead(200, { 'content-length': picture.length })
    response.write(picture.subarray(0, 100), () => response.destroy())
  },
  '/half.png': (response) => response.end(picture.subarray(0, picture.length >> 1)),
  '/bomb.png': (response) => response.end(pngHeader(20_000)),
}

let host: Server
let at = ''
let opened: LibraryPage
beforeAll(async () => {
  host = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(request)
    response.setHeader('access-control-allow-origin', '*')
    response.on('close', () => {
      if (!response.writableFinished) dropped.push(path)
    })
    const answer = pages[path]
    if (answer) answer(response)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
  const { port } = host.address() as AddressInfo
  at = `http://127.0.0.1:${port}`
  elsewhere = `http://localhost:${port}`
  opened = await openLibraryPage()
  // A port is no part of a cookie's place: the page could send this one along.
  await opened.page.context().addCookies([{ name: 'secret', value: 'x', url: at }])
  await opened.page.evaluate(async () => {
    const limits = {
      media_fetch_timeout: { image: 1, video: 1 },
      max_media_bytes: { image: 1_000_000, video: 1_000_000 },
      limit_mm_per_prompt: { image: 2 },
    }
    globalThis.llm = await LLM.create({ ...options, ...limits })
    Object.assign(globalThis, { guarded: await LLM.create({ ...options, ...limits, allowed_media_domains: ['127.0.0.1'] }) })
  })
})
afterAll(async () => {
  await opened?.close()
  host?.closeAllConnections()
  host?.close()
})

interface Answer {
  status: number
  content?: string
  message: string
  code: string | null
  param: string | null
}

/** Asks about media, with allowed hosts or without. */
const askAbout = (parts: readonly object[], engine: 'llm' | 'guarded' = 'llm'): Promise<Answer> =>
  opened.page.evaluate(
    async ([parts, engine]) => {
      const llm = (globalThis as unknown as Record<string, typeof globalThis.llm>)[engine]!
      const content = [...parts, { type: 'text', text: 'What?' }]
      const body = { messages: [{ role: 'user', content }], temperature: 0, max_tokens: 4, ignore_eos: true }
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
      const response = await llm.fetch('/v1/chat/completions', init)
      const { choices, error } = await response.json()
      return { status: response.status, content: choices?.[0].message.content, message: '', code: null, param: null, ...error }
    },
    [parts, engine] as const,
  )
const describePictures = (urls: readonly string[], engine?: 'llm' | 'guarded'): Promise<Answer> =>
  askAbout(
    urls.map((url) => ({ type: 'image_url', image_url: { url } })),
    engine,
  )

const fine = `data:image/png;base64,${picture.toString('base64')}`
const url = (place: string): string => (place.startsWith('/') ? at + place : place)

describe('pictures by their addresses, in a page', () => {
  it('are the same as data, as a blob, from another origin, over a redirect and under any type', async () => {
    const data = await describePictures([fine])
    expect(data.status).toBe(200)
    const blob = await opened.page.evaluate(async (fine) => URL.createObjectURL(await (await fetch(fine)).blob()), fine)
    for (const place of [blob, '/shapes.png', '/hop', '/wrong-type']) {
      expect([place, (await describePictures([url(place)])).content]).toEqual([place, data.content])
    }
  })

  it('are fetched without cookies and without a referrer', async () => {
    await describePictures([url('/shapes.png')])
    for (const { headers } of asked) expect([headers.cookie, headers.referer]).toEqual([undefined, undefined])
    await opened.page.evaluate((url) => fetch(url, { mode: 'no-cors', credentials: 'include' }), url('/shapes.png'))
    expect(asked.at(-1)?.headers.cookie).toBe('secret=x')
  })

  const refused: [what: string, place: string, status: number, code: string | null, message: RegExp][] = [
    ['a host that says nothing', '/silent', 504, 'media_timeout', /silent did not arrive within 1 s/],
    ['a drip of a byte at a time', '/slow-drip', 504, 'media_timeout', /slow-drip did not arrive within 1 s/],
    ['more than may come, announced', '/announced', 413, 'media_too_large', /announced is larger than 1 MB/],
    ['more than may come, while it comes', '/endless', 413, 'media_too_large', /endless is larger than 1 MB/],
    ['more than may come, as data', `data:image/png;base64,${'A'.repeat(1_400_000)}`, 413, 'media_too_large', /larger than 1 MB/],
    ['a bomb', '/bomb.png', 413, 'media_too_large', /20000×20000 pixels \(400 million\); at most 40 million/],
    ['what is not there', '/missing.png', 422, 'media_fetch_failed', /answered 404/],
    ['a connection that breaks', '/cut-off.png', 422, 'media_fetch_failed', /could not be fetched/],
    [
      'a host that lets no page read',
      '/closed.png',
      422,
      'media_fetch_failed',
      /Access-Control-Allow-Origin.*data: URL needs no permission/,
    ],
    ['a redirect to such a host', '/hop-away', 422, 'media_fetch_failed', /Access-Control-Allow-Origin/],
    ['a port where nobody listens', 'http://127.0.0.1:9/x.png', 422, 'media_fetch_failed', /The network failed/],
    ['a web page', '/page.html', 400, 'invalid_image', /HTML page/],
    ['a drawing', '/drawing.svg', 400, 'invalid_image', /SVG drawing/],
    ['half a picture', '/half.png', 400, 'invalid_image', /damaged or incomplete PNG/],
    ['data that is no base64', 'data:image/png;base64,@@@', 400, 'invalid_image', /base64 is damaged/],
    ['a file', 'file:///etc/passwd', 400, 'unsupported_url_scheme', /file:/],
    ['another scheme', 'ftp://host/x.png', 400, 'unsupported_url_scheme', /ftp:/],
    ['a script', 'javascript:alert(1)', 400, 'unsupported_url_scheme', /javascript:/],
    ['a file of the browser’s', 'chrome://version', 400, 'unsupported_url_scheme', /chrome:/],
    ['a path', 'x.png', 400, 'unsupported_url_scheme', /x\.png/],
    ['a blob of another origin', 'blob:http://example.org/0b0b', 422, 'media_fetch_failed', /is gone/],
  ]
  for (const [what, place, status, code, message] of refused) {
    it(`are refused, and the next request works: ${what}`, async () => {
      const answer = await describePictures([url(place)])
      expect([answer.status, answer.code]).toEqual([status, code])
      expect(answer.message).toMatch(message)
      expect((await describePictures([fine])).status).toBe(200)
    })
  }

  it('are let go of where nobody reads on', async () => {
    for (const path of ['/silent', '/slow-drip', '/announced', '/endless']) {
      while (!dropped.includes(path)) await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })

  it('are not fetched when there are too many', async () => {
    const before = asked.length
    const answer = await describePictures([url('/shapes.png'), url('/shapes.png'), url('/shapes.png')])
    expect([answer.status, answer.code]).toEqual([400, 'too_many_images'])
    expect(asked.length).toBe(before)
  })
})

describe('clips and sound, in a page', () => {
  const frames: [what: string, place: string, status: number, code: string][] = [
    ['a bomb', '/bomb.png', 413, 'media_too_large'],
    ['more than may come', '/endless', 413, 'media_too_large'],
    ['a drip of a byte at a time', '/slow-drip', 504, 'media_timeout'],
    ['what is not there', '/missing.png', 422, 'media_fetch_failed'],
    ['a web page', '/page.html', 400, 'invalid_video'],
    ['a file', 'file:///etc/passwd', 400, 'unsupported_url_scheme'],
  ]
  for (const [what, place, status, code] of frames) {
    it(`are held to the same for every frame: ${what}`, async () => {
      const answer = await askAbout([{ type: 'video', video: [fine, url(place)] }])
      expect([answer.status, answer.code]).toEqual([status, code])
      expect((await askAbout([{ type: 'video', video: [fine, url('/shapes.png')] }])).status).toBe(200)
    })
  }

  const clip = (url: string): object => ({ type: 'video_url', video_url: { url } })
  const files: [what: string, part: object, status: number, code: string | null, message: RegExp][] = [
    ['a clip that is none', clip('data:video/mp4;base64,AAAA'), 400, 'invalid_video', /in no known format.*allowed are MP4/],
    ['a clip elsewhere', clip('http://127.0.0.1:9/x.mp4'), 422, 'media_fetch_failed', /could not be fetched/],
    [
      'sound',
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
      400,
      null,
      /takes no audio; it takes text, image, video/,
    ],
    ['sound elsewhere', { type: 'audio_url', audio_url: { url: 'http://127.0.0.1:9/x.wav' } }, 400, null, /takes no audio/],
  ]
  for (const [what, part, status, code, message] of files) {
    it(`are refused by name as files: ${what}`, async () => {
      const answer = await askAbout([part])
      expect([answer.status, answer.code]).toEqual([status, code])
      expect(answer.message).toMatch(message)
    })
  }
})

describe('pictures in a page with allowed_media_domains', () => {
  it('come from those hosts, and as data', async () => {
    const { content } = await describePictures([fine], 'guarded')
    expect((await describePictures([url('/shapes.png')], 'guarded')).content).toBe(content)
  })

  it('come over no redirect, since a page cannot see where it leads', async () => {
    const before = asked.length
    const answer = await describePictures([url('/hop')], 'guarded')
    expect([answer.status, answer.code]).toEqual([422, 'media_fetch_failed'])
    expect(answer.message).toMatch(/redirects, which is not followed where allowed_media_domains is set/)
    expect(asked.slice(before).map(({ url }) => url)).toEqual(['/hop'])
  })

  const others = ['http://localhost', 'http://127.0.0.1.example.org', 'http://127.0.0.1@localhost', 'http://2130706434']
  for (const origin of others) {
    it(`do not come from ${origin}, which is not even asked`, async () => {
      const before = asked.length
      const { port } = new URL(at)
      const answer = await describePictures([`${origin}:${port}/shapes.png`], 'guarded')
      expect([answer.status, answer.code]).toEqual([400, null])
      expect(answer.message).toMatch(/is not among allowed_media_domains \(127\.0\.0\.1\)/)
      expect(asked.length).toBe(before)
    })
  }

  it('hold nothing once they are refused, and leave no error that nobody caught', async () => {
    expect(await opened.page.evaluate(() => llm.stats())).toMatchObject({ running: 0, waiting: 0, kv_blocks_used: 0 })
    expect(opened.complaints).toEqual([])
  })
})
