import { type ClientRequest, request as httpRequest, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { HostedEngine } from '../../../cli/engine-host.ts'
import type { AnswerSink, RoutedRequest } from '../../../cli/engine-page.ts'
import type { FileServer } from '../../../cli/file-server.ts'
import { createFront, type FrontOptions } from '../../../cli/http-front.ts'
import { engineGone, engineNotReady } from '../../../cli/named-errors.ts'

type Answer = (request: RoutedRequest, sink: AnswerSink, signal: AbortSignal) => Promise<void>

const fronts: Server[] = []
afterEach(() => {
  for (const front of fronts.splice(0)) {
    front.closeAllConnections()
    front.close()
  }
})

async function start(answer: Answer | Error, more: Partial<FrontOptions> = {}): Promise<string> {
  const engine = { server: { page: 'http://page/' } as FileServer, answer } as unknown as HostedEngine
  const current = (): HostedEngine => {
    if (answer instanceof Error) throw answer
    return engine
  }
  const host = { current, explain: (error: unknown) => error }
  const front = createFront({ host, policy: { publicOnly: true }, keys: [], origins: ['*'], ...more })
  fronts.push(front)
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(front.address() as AddressInfo).port}`
}

const json = { 'content-type': 'application/json' }
const echo: Answer = async ({ method, path, headers, body }, sink) => {
  sink.head(200, json)
  await sink.write(JSON.stringify({ method, path, headers, body }))
}
const post = (url: string, body: string, headers: Record<string, string> = json): Promise<Response> =>
  fetch(url, { method: 'POST', body, headers })

describe('createFront', () => {
  it('hands on method, path, query, type and body, and no key', async () => {
    const url = await start(echo)
    const response = await post(`${url}/v1/x?y=ü`, '{"ü": 1}', { ...json, authorization: 'Bearer k', 'x-request-id': 'mine' })
    expect(await response.json()).toEqual({
      method: 'POST',
      path: '/v1/x?y=%C3%BC',
      headers: { accept: '*/*', 'content-type': 'application/json', 'x-request-id': 'mine' },
      body: '{"ü": 1}',
    })
    expect(response.headers.get('x-request-id')).toBe('mine')
  })

  it('lets in who has one of the keys, and everybody to /health and /version', async () => {
    const url = await start(echo, { keys: ['first', 'second'] })
    const status = async (path: string, authorization?: string): Promise<number> =>
      (await fetch(url + path, { headers: authorization === undefined ? {} : { authorization } })).status
    expect(await status('/v1/models', 'Bearer first')).toBe(200)
    expect(await status('/v1/models', 'bearer second')).toBe(200)
    for (const wrong of [undefined, '', 'first', 'Bearer firs', 'Bearer first2', 'Basic first', 'Bearer']) {
      expect([wrong, await status('/v1/models', wrong)]).toEqual([wrong, 401])
    }
    expect(await status('/health')).toBe(200)
    expect(await status('/version')).toBe(200)
    expect(await status('/v1/health')).toBe(401)
    expect(await status('//health')).toBe(401)
  })

  it('allows the origins that it was given, and no others', async () => {
    const url = await start(echo, { origins: ['https://a.org'] })
    const allowed = async (origin: string, method: string): Promise<string | null> => {
      const headers = { origin, 'access-control-request-method': 'POST' }
      return (await fetch(`${url}/v1/models`, { method, headers })).headers.get('access-control-allow-origin')
    }
    expect(await allowed('https://a.org', 'GET')).toBe('https://a.org')
    expect(await allowed('https://a.org', 'OPTIONS')).toBe('https://a.org')
    expect(await allowed('https://b.org', 'GET')).toBe(null)
    expect(await allowed('https://b.org', 'OPTIONS')).toBe(null)
  })

  it('says as JSON what it cannot do before an answer has begun', async () => {
    const url = await start(engineNotReady('The model is being loaded.', 7))
    const response = await fetch(`${url}/health`)
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '7'])
    expect((await response.json()).error).toEqual({
      message: 'The model is being loaded.',
      type: 'server_error',
      param: null,
      code: 'engine_not_ready',
    })
  })

  it('ends a stream that fails with an error event and [DONE], and answers others with the error alone', async () => {
    const failing =
      (type: string): Answer =>
      async (_, sink) => {
        sink.head(200, { 'content-type': type })
        await sink.write('data: {"x":1}\n\ndata: {"half')
        throw engineGone('Chromium ended.')
      }
    const stream = await (await post(await start(failing('text/event-stream; charset=utf-8')), '{}')).text()
    const error = { message: 'Chromium ended.', type: 'server_error', param: null, code: 'engine_gone' }
    expect(stream).toBe(`data: {"x":1}\n\ndata: {"half\n\ndata: ${JSON.stringify({ error })}\n\ndata: [DONE]\n\n`)
    const broken = await post(await start(failing('application/json')), '{}')
    expect([broken.status, await broken.json()]).toEqual([503, { error }])
  })

  it('tells the engine that the client has gone', async () => {
    let ended: Promise<void> | undefined
    const url = await start((_, sink, signal) => {
      sink.head(200, { 'content-type': 'text/event-stream' })
      void sink.write('data: 1\n\n')
      ended = new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
      return ended
    })
    const controller = new AbortController()
    const response = await fetch(url, { signal: controller.signal })
    await response.body?.getReader().read()
    controller.abort()
    expect(await ended).toBe(undefined)
  })

  it('takes no more from the engine than the client reads', async () => {
    let taken = 0
    const piece = 'x'.repeat(65_536)
    let client: ClientRequest | undefined
    const url = await start(async (_, sink, signal) => {
      sink.head(200, { 'content-type': 'text/event-stream' })
      while (!signal.aborted) {
        await sink.write(piece)
        taken += piece.length
      }
    })
    await new Promise<IncomingMessage>((resolve) => {
      client = httpRequest(url, resolve)
      client.end()
    })
    let before = -1
    while (taken !== before) {
      before = taken
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    expect(taken).toBeGreaterThan(0)
    expect(taken).toBeLessThan(50e6)
    client?.destroy()
  })

  const hidden: [how: string, body: string, type: string, refused: boolean][] = [
    ['in plain sight', '{"messages": [{"role": "user", "content": [PART]}]}', 'application/json', true],
    ['by a name with an escape', '{"mess\\u0061ges": [{"role": "user", "content": [PART]}]}', 'application/json; charset=utf-8', true],
    ['behind a byte order mark', '\ufeff{"messages": [{"role": "user", "content": [PART]}]}', 'APPLICATION/JSON', true],
    ['in a body that the router refuses', '{"messages": [{"role": "user", "content": [PART]}]}', 'text/plain', false],
  ]
  for (const [how, body, type, refused] of hidden) {
    it(`${refused ? 'sees' : 'does not ask for'} an address that is named ${how}`, async () => {
      const url = await start(echo)
      const part = '{"image_url": {"url": "http://127.0.0.1:9/"}}'
      const response = await post(url, body.replace('PART', part), { 'content-type': type })
      expect(response.status).toBe(refused ? 400 : 200)
    })
  }

  it('refuses a body of more than 64 MiB, announced or not, and reads on so that the sender sees it', async () => {
    const url = await start(echo)
    const large = Buffer.alloc(65 * 2 ** 20)
    const send = async (headers: Record<string, number>): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const client = httpRequest(url, { method: 'POST', headers }, (response) => resolve(response.statusCode))
        client.on('error', reject)
        client.end(large)
      })
    expect(await send({ 'content-length': large.length })).toBe(413)
    expect(await send({})).toBe(413)
  })

  it('writes a line for each request, with its tokens', async () => {
    const lines: string[] = []
    const usage = { prompt_tokens: 21, completion_tokens: 64, total_tokens: 85 }
    const url = await start(
      async (_, sink) => {
        sink.head(200, json)
        await sink.write(JSON.stringify({ text: '"usage":{"prompt_tokens":9', usage }))
      },
      { log: (line) => lines.push(line) },
    )
    await (await post(`${url}/v1/completions`, '{}')).text()
    while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(lines[0]).toMatch(/^POST \/v1\/completions 200 \d+ ms 21 \+ 64 tokens$/)
  })
})
