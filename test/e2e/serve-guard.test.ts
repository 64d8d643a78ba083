import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { goldenImages, randomModel } from './places.ts'
import { type ServeProcess, startServe } from './serve-process.ts'

/** A host of the server's own network, and what it was asked for: nothing may come here. */
const asked: string[] = []
let inside: Server
let place: string
let server: ServeProcess
beforeAll(async () => {
  const picture = readFileSync(join(goldenImages, 'shapes.png'))
  inside = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.setHeader('access-control-allow-origin', '*').end(picture)
  })
  await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve))
  place = `http://127.0.0.1:${(inside.address() as AddressInfo).port}`
  server = await startServe(randomModel, '--served-model-name', 'random', '--max-model-len', '1024', '--dtype', 'float32')
})
beforeEach(() => {
  asked.length = 0
})
afterAll(async () => {
  inside?.close()
  await server?.stop()
})

const post = async (path: string, body: string): Promise<number> => {
  const headers = { 'content-type': 'application/json' }
  return (await fetch(server.url + path, { method: 'POST', headers, body })).status
}
const bodyOf = (part: object): string =>
  JSON.stringify({ model: 'random', messages: [{ role: 'user', content: [part, 'What?'] }], max_tokens: 2 })

describe('ocellus serve fetches nothing from its own network', () => {
  const url = (): string => `${place}/secret.png`
  const cases: [what: string, body: () => string][] = [
    ['as image_url', () => bodyOf({ type: 'image_url', image_url: { url: url() } })],
    ['as image', () => bodyOf({ type: 'image', image: url() })],
    ['as input_image', () => bodyOf({ type: 'input_image', image_url: url() })],
    ['as a frame', () => bodyOf({ type: 'video', video: [url()] })],
    ['as a clip', () => bodyOf({ type: 'video_url', video_url: { url: url() } })],
    ['in a part without a type', () => bodyOf({ image_url: { url: url() } })],
    ['in a part whose type is null', () => bodyOf({ type: null, image_url: { url: url() } })],
    ['with capitals', () => bodyOf({ type: 'image_url', image_url: { url: url().replace('http', 'HTTP') } })],
    ['with a space before it', () => bodyOf({ type: 'image_url', image_url: { url: ` ${url()}` } })],
    [
      'in a field written with escapes',
      () => bodyOf({ type: 'image_url', image_url: { url: url() } }).replace('"messages"', '"\\u006dessages"'),
    ],
    [
      'in a type written with escapes',
      () => bodyOf({ type: 'image_url', image_url: { url: url() } }).replace('"image_url"', '"\\u0069mage_url"'),
    ],
    ['with a number for its address', () => bodyOf({ type: 'image_url', image_url: { url: url().replace('127.0.0.1', '2130706433') } })],
    ['with a name for its address', () => bodyOf({ type: 'image_url', image_url: { url: url().replace('127.0.0.1', 'localhost') } })],
    [
      'with IPv6 for its address',
      () => bodyOf({ type: 'image_url', image_url: { url: url().replace('127.0.0.1', '[::ffff:127.0.0.1]') } }),
    ],
  ]
  for (const [what, body] of cases) {
    it(`named ${what}`, async () => {
      expect([what, await post('/v1/chat/completions', body()), asked]).toEqual([what, 400, []])
    })
  }

  it('nor to count tokens', async () => {
    await post('/tokenize', bodyOf({ image_url: { url: `${place}/secret.png` } }))
    expect(asked).toEqual([])
  })
})
