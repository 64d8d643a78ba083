import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, type EndpointSite, endOf, idleEngine, startEndpointSite, startStream, visit, visitAndRegister } from './endpoint-site.ts'
import { startBrowser } from './page.ts'

let site: EndpointSite
let browser: Browser
beforeAll(async () => {
  site = await startEndpointSite()
  browser = await startBrowser()
})
afterAll(async () => {
  await browser.close()
  await site.close()
})

/** A browser profile of its own, and a page there that hosts the engine. */
async function withHost(work: (host: Page, context: BrowserContext) => Promise<void>): Promise<void> {
  const context = await browser.newContext()
  const host = await context.newPage()
  await visitAndRegister(host, site)
  await work(host, context)
  await context.close()
}

async function stopServiceWorkers(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page)
  await session.send('ServiceWorker.enable')
  await session.send('ServiceWorker.stopAllWorkers')
  await session.detach()
}

const gone = /^\w*Error .*(engine_gone|device_lost)/

describe('deaths in the middle of a stream', () => {
  it('service worker stopped: the reader gets an error, the engine ends the request, the next one works', () =>
    withHost(async (host) => {
      const place = await startStream(host)
      await stopServiceWorkers(host)
      expect(await endOf(host, place)).toMatch(/network error/)
      expect(await idleEngine(host)).toEqual({ running: 0, waiting: 0 })
      expect(typeof (await ask(host))).toBe('string')
    }))

  it('page of the reader closed: the engine ends the request', () =>
    withHost(async (host, context) => {
      const reader = await context.newPage()
      await visitAndRegister(reader, site)
      await startStream(reader)
      expect((await host.evaluate(() => endpoint.llm!.stats())).running).toBe(1)
      await reader.close()
      expect(await idleEngine(host)).toEqual({ running: 0, waiting: 0 })
      expect(typeof (await ask(host))).toBe('string')
    }))

  it('page that waits for a whole answer closed: the engine ends the request', () =>
    withHost(async (host, context) => {
      const reader = await context.newPage()
      await visitAndRegister(reader, site)
      await reader.evaluate(() => {
        const body = { model, messages: [{ role: 'user' as const, content: 'Hi' }], max_tokens: 1900, ignore_eos: true }
        void client().chat.completions.create({ ...body })
      })
      await host.waitForFunction(async () => (await endpoint.llm!.stats()).running === 1)
      await reader.close()
      expect(await idleEngine(host, 3000)).toEqual({ running: 0, waiting: 0 })
    }))

  it('tab of the host closed: the reader gets an error event, another tab takes over', () =>
    withHost(async (host, context) => {
      const reader = await context.newPage()
      await visitAndRegister(reader, site)
      const before = await ask(reader)
      const place = await startStream(reader)
      await host.close()
      expect(await endOf(reader, place)).toMatch(gone)
      expect(await ask(reader)).toBe(before)
      expect(await reader.evaluate(() => endpoint.hosting)).toBe(true)
    }))

  it('tab of the host crashed: the reader gets an error, another tab takes over', () =>
    withHost(async (host, context) => {
      const reader = await context.newPage()
      await visitAndRegister(reader, site)
      const place = await startStream(reader)
      const session = await context.newCDPSession(host)
      session.send('Page.crash').catch(() => {})
      // The service worker may have lived in the same process, and have died with it.
      expect(await endOf(reader, place)).toMatch(/engine_gone|network error/)
      expect(typeof (await ask(reader))).toBe('string')
    }))
})

describe('an engine that ends by itself', () => {
  /** Hosts an engine whose worker takes its own device away when told so. */
  const makeHost = async (page: Page): Promise<void> => {
    await visit(page, site)
    await page.evaluate(async () => {
      const script = `import '${location.origin}/dist/worker.js'
        const { requestDevice } = GPUAdapter.prototype
        GPUAdapter.prototype.requestDevice = async function (...given) {
          const device = await requestDevice.apply(this, given)
          addEventListener('message', ({ data }) => data === 'lose' && device.destroy())
          return device
        }`
      const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }))
      const engine = (): ReturnType<typeof LLM.create> => {
        const worker = new Worker(url, { type: 'module' })
        Object.assign(globalThis, { worker })
        return LLM.create({ ...engineOptions, worker })
      }
      globalThis.endpoint = await registerOcellus({ url: './service-worker.js', engine })
    })
  }
  /** Ends the engine as a crash or the loss of the GPU would, and waits until the page has noticed. */
  const end = (page: Page, how: 'terminate' | 'lose'): Promise<void> =>
    page.evaluate(async (how) => {
      const { worker } = globalThis as unknown as { worker: Worker }
      const lost = endpoint.llm
      if (how === 'terminate') worker.terminate()
      else worker.postMessage('lose')
      while (endpoint.llm === lost) await new Promise((resolve) => setTimeout(resolve, 10))
    }, how)

  for (const [what, how] of [
    ['its worker is terminated', 'terminate'],
    ['its device is lost', 'lose'],
  ] as const) {
    it(`ends the stream with an error event when ${what}, and answers the next request with a new one`, async () => {
      const context = await browser.newContext()
      const page = await context.newPage()
      await makeHost(page)
      const before = await ask(page)
      const place = await startStream(page)
      await end(page, how)
      expect(await endOf(page, place)).toMatch(gone)
      expect(await ask(page)).toBe(before)
      await context.close()
    })
  }

  it('is replaced three times within a minute, and then its failure is told', async () => {
    const context = await browser.newContext()
    const page = await context.newPage()
    await makeHost(page)
    for (let restarts = 0; restarts < 3; restarts++) {
      await end(page, 'terminate')
      expect(typeof (await ask(page))).toBe('string')
    }
    await end(page, 'terminate')
    const answers = await page.evaluate(async () => {
      const answers = []
      for (const path of ['./health', './v1/models']) {
        const response = await fetch(path)
        answers.push([response.status, response.headers.get('x-should-retry'), (await response.json()).error.message])
      }
      return answers
    })
    for (const [status, retry, message] of answers) {
      expect(status).toBe(503)
      expect(retry).toBe('false')
      expect(message).toMatch(/failed 4 times in a minute/)
    }
    await context.close()
  })
})
