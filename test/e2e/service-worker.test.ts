import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, type EndpointSite, endOf, idleEngine, startEndpointSite, startStream, visit, visitAndRegister } from './endpoint-site.ts'
import { startBrowser, thrownIn } from './page.ts'

let site: EndpointSite
let browser: Browser
let page: Page
const complaints: string[] = []

beforeAll(async () => {
  site = await startEndpointSite()
  browser = await startBrowser()
  page = await (await browser.newContext()).newPage()
  page.on('pageerror', (error) => complaints.push(error.message))
  await visitAndRegister(page, site)
})
afterAll(async () => {
  await browser.close()
  await site.close()
})

describe('the openai client against the service worker', () => {
  it('finds the endpoint under the scope, and the model there', async () => {
    const found = await page.evaluate(async () => {
      const models = []
      for await (const model of await client().models.list()) models.push(model)
      const one = await client().models.retrieve(models[0]!.id)
      return { baseURL: endpoint.baseURL, hosting: endpoint.hosting, models, one, loaded: endpoint.llm?.info.model }
    })
    expect(found.baseURL).toBe(`${site.origin}/app/v1`)
    expect(found.hosting).toBe(true)
    expect(found.models.map(({ object }) => object)).toEqual(['model'])
    expect(found.one).toEqual(found.models[0])
    expect(found.models[0]?.id).toBe(found.loaded)
  })

  it('says health and version', async () => {
    const answers = await page.evaluate(async () => {
      const version = await fetch('./version')
      return [(await fetch('./health')).status, version.status, typeof (await version.json()).version]
    })
    expect(answers).toEqual([200, 200, 'string'])
  })

  it('answers about pictures given as data URLs, blob URLs and addresses alike', async () => {
    const answers = await page.evaluate(async () => {
      const blob = await (await fetch('/images/shapes.png')).blob()
      const data = await new Promise<string>((resolve) => {
        const reader = Object.assign(new FileReader(), { onload: () => resolve(reader.result as string) })
        reader.readAsDataURL(blob)
      })
      const about = async (url: string): Promise<unknown[]> => {
        const image = { type: 'image_url' as const, image_url: { url } }
        const content = [image, { type: 'text' as const, text: 'What is it?' }]
        const body = { model, messages: [{ role: 'user' as const, content }], max_tokens: 6, temperature: 0 }
        const { choices, usage } = await client().chat.completions.create(body)
        return [choices[0]?.message.content, usage?.prompt_tokens]
      }
      return [await about(data), await about(URL.createObjectURL(blob)), await about(`${location.origin}/images/shapes.png`)]
    })
    expect(answers[0]?.[1]).toBeGreaterThan(60)
    expect(answers[1]).toEqual(answers[0])
    expect(answers[2]).toEqual(answers[0])
  })

  it('streams the text of the whole answer, one finish_reason and the usage', async () => {
    const { whole, chunks } = await page.evaluate(async () => {
      const messages = [{ role: 'user' as const, content: 'Tell me more.' }]
      const body = { model, messages, max_tokens: 24, temperature: 0, ignore_eos: true }
      const whole = await client().chat.completions.create({ ...body })
      const chunks = []
      const stream = await client().chat.completions.create({ ...body, stream: true, stream_options: { include_usage: true } })
      for await (const chunk of stream) chunks.push(chunk)
      return { whole, chunks }
    })
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')
    expect(text).toBe(whole.choices[0]?.message.content)
    expect(chunks.filter(({ choices }) => choices[0]?.finish_reason).length).toBe(1)
    const usage = chunks.at(-1)?.usage
    expect(usage?.completion_tokens).toBe(24)
    expect([usage?.prompt_tokens, usage?.total_tokens]).toEqual([whole.usage?.prompt_tokens, whole.usage?.total_tokens])
  })

  it('gives the client its errors, and works on', async () => {
    const thrown = await page.evaluate(async () => {
      const body = { model, messages: [{ role: 'user' as const, content: 'word '.repeat(3000) }] }
      const error = await client()
        .chat.completions.create(body)
        .catch((error: InstanceType<typeof APIError>) => error)
      return error instanceof APIError ? [error.status, error.code, error.type] : error
    })
    expect(thrown).toEqual([400, 'context_length_exceeded', 'invalid_request_error'])
    expect(typeof (await ask(page))).toBe('string')
  })

  it('gives workers, and workers of workers, whole answers that take long', async () => {
    const answers = await page.evaluate(async () => {
      const content = { model, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 600, ignore_eos: true }
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(content) }
      const urlOf = (code: string): string => URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
      const asker = urlOf(`
        const { status, body } = await fetch(${JSON.stringify(`${endpoint.baseURL}/chat/completions`)}, ${JSON.stringify(init)})
          .then(async (response) => ({ status: response.status, body: await response.json() }), (error) => ({ status: String(error) }))
        postMessage([status, body?.usage.completion_tokens])`)
      const parent = urlOf(`
        const worker = new Worker(${JSON.stringify(asker)}, { type: 'module' })
        worker.onmessage = ({ data }) => postMessage(data)`)
      const answerOf = (url: string): Promise<unknown> =>
        new Promise((resolve) => {
          new Worker(url, { type: 'module' }).onmessage = ({ data }) => resolve(data)
        })
      return [await answerOf(asker), await answerOf(parent)]
    })
    expect(answers).toEqual([
      [200, 600],
      [200, 600],
    ])
  })

  it('ends a request in the engine when its reader aborts it in the middle', async () => {
    const chunks = await page.evaluate(async () => {
      const body = { model, messages: [{ role: 'user' as const, content: 'Hi' }], max_tokens: 1900, ignore_eos: true }
      let chunks = 0
      for await (const _ of await client().chat.completions.create({ ...body, stream: true })) if (++chunks === 4) break
      return chunks
    })
    expect(chunks).toBe(4)
    expect(await idleEngine(page)).toEqual({ running: 0, waiting: 0 })
  })
})

describe('what the service worker leaves alone', () => {
  const cases: [string, string, RequestInit][] = [
    ['a path outside the routes', './elsewhere', {}],
    ['a file', '/images/shapes.png', {}],
    ['a route outside the scope', '/v1/models', {}],
    ['GET where POST is meant', './v1/chat/completions', {}],
    ['POST where GET is meant', './v1/models', { method: 'POST', body: '{}' }],
    ['HEAD', './health', { method: 'HEAD' }],
  ]
  for (const [what, path, init] of cases) {
    it(`sends ${what} to the network`, async () => {
      const before = site.requests.length
      const { pathname } = new URL(path, `${site.origin}/app/`)
      await page.evaluate(async ([path, init]) => void (await fetch(path, init)), [path, init] as const)
      expect(site.requests.slice(before)).toEqual([`${init.method ?? 'GET'} ${pathname}`])
    })
  }

  it('does not answer a navigation to the models', async () => {
    const other = await page.context().newPage()
    const response = await other.goto(`${site.origin}/app/v1/models`)
    expect(response?.status()).toBe(404)
    expect(response?.headers()['x-from']).toBe('network')
    await other.close()
  })
})

describe('registering', () => {
  it('works after a hard reload, which leaves the page without its service worker', async () => {
    const other = await page.context().newPage()
    await visitAndRegister(other, site)
    const session = await other.context().newCDPSession(other)
    await Promise.all([other.waitForEvent('load'), session.send('Page.reload', { ignoreCache: true })])
    await other.waitForFunction(() => globalThis.registerOcellus !== undefined)
    expect(await other.evaluate(() => navigator.serviceWorker.controller)).toBe(null)
    await other.evaluate(async () => {
      globalThis.endpoint = await registerOcellus({ url: './service-worker.js', engine: engineOptions })
    })
    expect(await ask(other)).toBe(await ask(page))
    await other.close()
  })

  const failures: [string, { url: string; scope?: string }, RegExp][] = [
    ['a script that is not there', { url: './nothing.js' }, /answers 404: copy ocellus\/dist\/service-worker\.js/],
    ['a script that is a page', { url: './index.html' }, /served as text\/html/],
    ['a scope above the script', { url: './service-worker.js', scope: '/' }, /header Service-Worker-Allowed: \//],
    ['a scope without the page', { url: '/repo/service-worker.js' }, /outside the scope .*\/repo\//],
    ['a script of another origin', { url: 'http://localhost:1/service-worker.js', scope: './' }, /page's own origin/],
  ]
  for (const [what, options, message] of failures) {
    it(`says what to do about ${what}`, async () => {
      const thrown = await thrownIn(page, (options) => registerOcellus({ ...options, engine: engineOptions }), options)
      expect(thrown).toMatch(/^ServiceWorkerUnavailableError: /)
      expect(thrown).toMatch(message)
    })
  }

  it('names llm.fetch where there are no service workers', async () => {
    const context = await browser.newContext()
    const other = await context.newPage()
    await other.addInitScript(() => Object.defineProperty(Navigator.prototype, 'serviceWorker', { get: () => undefined }))
    await visit(other, site)
    const thrown = await thrownIn(other, () => registerOcellus({ url: './service-worker.js', engine: engineOptions }), undefined)
    expect(thrown).toMatch(/^ServiceWorkerUnavailableError: .*llm\.fetch/)
    await context.close()
  })

  it('rejects with the error of the model, and lets the next try be', async () => {
    const context = await browser.newContext()
    const other = await context.newPage()
    await visit(other, site)
    const load = { url: './service-worker.js', engine: { model: '/no-such-model/' } }
    expect(await thrownIn(other, (options) => registerOcellus(options), load)).toMatch(/^ModelLoadError: .*no-such-model/)
    await other.evaluate(async () => {
      globalThis.endpoint = await registerOcellus({ url: './service-worker.js', engine: engineOptions })
    })
    expect(typeof (await ask(other))).toBe('string')
    await context.close()
  })
})

describe('a new version of the service worker', () => {
  it('waits for the answers under way, and takes over then', async () => {
    const place = await startStream(page, 600)
    site.version++
    const state = await page.evaluate(async () => {
      const changed = new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', () => resolve(true)))
      Object.assign(globalThis, { changed })
      await endpoint.registration.update()
      for (const end = performance.now() + 1000; performance.now() < end && !endpoint.registration.waiting; )
        await new Promise((resolve) => setTimeout(resolve, 20))
      return [endpoint.registration.waiting?.state, endpoint.registration.active === navigator.serviceWorker.controller]
    })
    expect(state).toEqual(['installed', true])
    expect(await endOf(page, place, 60_000)).toBe('done')
    await page.waitForFunction(() => (globalThis as unknown as { changed: Promise<boolean> }).changed, undefined, { timeout: 5000 })
    expect(await page.evaluate(() => endpoint.registration.waiting)).toBe(null)
    expect(typeof (await ask(page))).toBe('string')
  })

  it('has left no error that nobody caught', () => {
    expect(complaints).toEqual([])
  })
})
