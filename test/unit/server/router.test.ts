import { describe, expect, it } from 'vitest'
import { createRouter } from '../../../src/server/router.ts'
import { engineNotReadyError, modelLoadError } from '../../../src/util/errors.ts'
import { FakeEngine } from './fake-engine.ts'
import { chat, post, routerOf } from './requests.ts'

const get = (path: string, method = 'GET'): Request => new Request(`http://x${path}`, { method })

interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string | null }
}

async function errorOf(response: Response): Promise<[status: number, code: string | null, param: string | null, message: string]> {
  const { error } = (await response.json()) as ErrorBody
  expect(Object.keys(error).sort()).toEqual(['code', 'message', 'param', 'type'])
  return [response.status, error.code, error.param, error.message]
}

describe('paths and methods', () => {
  const route = routerOf(new FakeEngine(), { models: ['org/tiny-vl', 'tiny'], version: '1.2.3' })

  it('GET /health says that the engine lives, with no body', async () => {
    const response = await route(get('/health'))
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })

  it('GET /version says the version', async () => {
    expect(await (await route(get('/version'))).json()).toEqual({ version: '1.2.3' })
  })

  it('GET /v1/models lists the model under all of its names', async () => {
    const card = { object: 'model', created: 1_700_000_000, owned_by: 'ocellus', root: 'org/tiny-vl', parent: null, max_model_len: 512 }
    const data = [
      { id: 'org/tiny-vl', ...card },
      { id: 'tiny', ...card },
    ]
    expect(await (await route(get('/v1/models'))).json()).toEqual({ object: 'list', data })
  })

  for (const path of ['/v1/models/org/tiny-vl', '/v1/models/org%2Ftiny-vl', '/v1/models/tiny', '/some/folder/v1/models/tiny'])
    it(`GET ${path} finds the model`, async () => {
      const response = await route(get(path))
      expect(response.status).toBe(200)
      expect(((await response.json()) as { object: string }).object).toBe('model')
    })

  it('HEAD is GET without the body', async () => {
    const response = await route(get('/v1/models', 'HEAD'))
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })

  const wrong: [request: Request, status: number, code: string, allow: string | null][] = [
    [get('/v1/models/gpt-4'), 404, 'model_not_found', null],
    [chat({ model: 'gpt-4' }), 404, 'model_not_found', null],
    [get('/v1/files'), 404, 'unknown_url', null],
    [post('/v1/audio/transcriptions', {}), 404, 'unknown_url', null],
    [get('/v1/'), 404, 'unknown_url', null],
    [get('/elsewhere'), 404, 'unknown_url', null],
    [get('/v1/toString'), 404, 'unknown_url', null],
    [get('/v1/chat/completions'), 405, 'method_not_allowed', 'POST'],
    [post('/v1/models', {}), 405, 'method_not_allowed', 'GET'],
    [get('/health', 'DELETE'), 405, 'method_not_allowed', 'GET'],
    [get('/tokenize', 'HEAD'), 405, 'method_not_allowed', 'POST'],
    [get('/v1/models', 'OPTIONS'), 405, 'method_not_allowed', 'GET'],
  ]
  for (const [request, status, code, allow] of wrong)
    it(`${request.method} ${new URL(request.url).pathname} is ${status} ${code}`, async () => {
      const response = await route(request)
      expect(response.headers.get('allow')).toBe(allow)
      expect((await errorOf(response)).slice(0, 2)).toEqual([status, code])
    })

  it('a wrong model names the ones there are', async () => {
    expect(await errorOf(await route(chat({ model: 'gpt-4' })))).toEqual([
      404,
      'model_not_found',
      'model',
      'There is no model "gpt-4" here; there is "org/tiny-vl", "tiny".',
    ])
  })

  it('an alias is what the answer calls the model', async () => {
    expect(((await (await route(chat({ model: 'tiny' }))).json()) as { model: string }).model).toBe('tiny')
    expect(((await (await route(chat())).json()) as { model: string }).model).toBe('org/tiny-vl')
  })
})

describe('bodies', () => {
  const route = routerOf(new FakeEngine(), { maxBodyBytes: 200 })
  const typed = (type: string | undefined, body: string): Request =>
    new Request('http://x/v1/chat/completions', { method: 'POST', headers: type === undefined ? {} : { 'content-type': type }, body })
  const good = '{"messages":[{"role":"user","content":"Hi"}]}'
  const latin1 = new Request('http://x/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: new Uint8Array([123, 34, 228, 34, 58, 49, 125]),
  })

  const bad: [what: string, request: Request, status: number, message: RegExp][] = [
    ['another content type', typed('text/plain', good), 400, /^The content-type is "text\/plain"; it must be application\/json\.$/],
    ['a form', typed('application/x-www-form-urlencoded', 'a=1'), 400, /it must be application\/json/],
    ['no JSON', typed('application/json', '{"messages":'), 400, /^The body is not JSON: /],
    [
      'no body',
      new Request('http://x/v1/chat/completions', { method: 'POST', headers: { 'content-type': 'application/json' } }),
      400,
      /has no body/,
    ],
    ['an empty body', typed('application/json', ''), 400, /has no body/],
    ['a list', typed('application/json', '[1]'), 400, /^The body must be a JSON object, got \[1\]\.$/],
    ['null', typed('application/json', 'null'), 400, /must be a JSON object, got null/],
    ['a string', typed('application/json', '"hi"'), 400, /must be a JSON object/],
    ['bytes that are not UTF-8', latin1, 400, /^The body is not JSON: /],
    ['too many bytes', typed('application/json', `{"messages":"${'x'.repeat(200)}"}`), 413, /more than 200 bytes/],
  ]
  for (const [what, request, status, message] of bad)
    it(`${what} is ${status}`, async () => {
      const [given, , , words] = await errorOf(await route(request))
      expect(given).toBe(status)
      expect(words).toMatch(message)
    })

  it('too many bytes are noticed while they arrive', async () => {
    let sent = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 50
        controller.enqueue(new Uint8Array(50).fill(32))
      },
    })
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: endless, duplex: 'half' }
    const [status, code] = await errorOf(await route(new Request('http://x/v1/completions', init)))
    expect([status, code]).toEqual([413, 'media_too_large'])
    expect(sent).toBeLessThan(1000)
  })

  for (const type of ['application/json; charset=utf-8', 'APPLICATION/JSON'])
    it(`the content type ${type} is JSON`, async () => {
      expect((await route(typed(type, good))).status).toBe(200)
    })

  it('the next request works', async () => {
    await route(typed('application/json', '{'))
    expect((await route(typed('application/json', good))).status).toBe(200)
  })
})

describe('an engine that is not there', () => {
  const without = (error: Error): ReturnType<typeof createRouter> => createRouter({ engine: () => Promise.reject(error) })

  for (const request of [get('/health'), get('/v1/models'), chat(), chat({ stream: true }), post('/tokenize', { prompt: 'a' })])
    it(`makes ${request.method} ${new URL(request.url).pathname} a 503 that may be tried again`, async () => {
      const response = await without(engineNotReadyError('No page hosts a model.'))(request)
      expect(response.headers.get('retry-after')).toBe('1')
      expect(await errorOf(response)).toEqual([503, 'engine_not_ready', null, 'No page hosts a model.'])
    })

  it('is said not to be worth a retry when it cannot be loaded', async () => {
    const response = await without(modelLoadError('There is no config.json.'))(chat())
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(response.headers.get('retry-after')).toBe(null)
    expect((await errorOf(response)).slice(0, 2)).toEqual([503, 'engine_not_ready'])
  })

  it('is engine_gone once it has ended', async () => {
    const engine = new FakeEngine()
    engine.die()
    for (const request of [get('/health'), chat(), chat({ stream: true })])
      expect((await errorOf(await routerOf(engine)(request))).slice(0, 2)).toEqual([503, 'engine_gone'])
  })

  it('does not hide what is wrong with a request', async () => {
    const response = await without(engineNotReadyError('No page hosts a model.'))(chat({ messages: [] }))
    expect((await errorOf(response)).slice(0, 3)).toEqual([400, null, 'messages'])
  })
})

describe('request ids', () => {
  const idsOf = async (request: Request): Promise<[header: string | null, id: string, engine: string | undefined]> => {
    const engine = new FakeEngine()
    const response = await routerOf(engine)(request)
    return [response.headers.get('x-request-id'), ((await response.json()) as { id: string }).id, engine.runs[0]?.request.request_id]
  }

  it('are made up', async () => {
    const [header, id, engine] = await idsOf(chat())
    expect(id).toMatch(/^chatcmpl-[0-9a-f]{32}$/)
    expect([id, engine]).toEqual([`chatcmpl-${header}`, id])
  })

  it('are the ones of the body or, before them, of the header', async () => {
    expect((await idsOf(chat({ request_id: 'mine' })))[1]).toBe('chatcmpl-mine')
    expect(await idsOf(chat({ request_id: 'mine' }, { headers: { 'x-request-id': 'theirs' } }))).toEqual([
      'theirs',
      'chatcmpl-theirs',
      'chatcmpl-theirs',
    ])
  })
})
