import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ask, type EndpointSite, startEndpointSite, visit, visitAndRegister } from './endpoint-site.ts'
import { startBrowser, thrownIn } from './page.ts'

let site: EndpointSite
let browser: Browser
let context: BrowserContext
beforeAll(async () => {
  site = await startEndpointSite()
  browser = await startBrowser()
})
afterAll(async () => {
  await browser.close()
  await site.close()
})
beforeEach(async () => {
  context = await browser.newContext()
})
afterEach(async () => {
  await context.close()
})

async function open(folder = 'app'): Promise<Page> {
  const page = await context.newPage()
  await visitAndRegister(page, site, folder)
  return page
}
const hosting = (...pages: Page[]): Promise<boolean[]> => Promise.all(pages.map((page) => page.evaluate(() => endpoint.hosting)))
const generated = (page: Page): Promise<number> => page.evaluate(async () => (await endpoint.llm!.stats()).generated_tokens)

describe('one engine for all tabs', () => {
  it('is hosted by the first tab, and answers the others', async () => {
    const first = await open()
    const second = await open()
    expect(await hosting(first, second)).toEqual([true, false])
    expect(await second.evaluate(() => endpoint.llm)).toBe(undefined)
    const before = await generated(first)
    expect(await ask(second)).toBe(await ask(first))
    expect(await generated(first)).toBeGreaterThan(before + 10)
  })

  it('answers tabs of the scope that never registered', async () => {
    const first = await open()
    const second = await context.newPage()
    await visit(second, site)
    expect(await ask(second)).toBe(await ask(first))
  })

  it('moves to the next tab when its tab is closed, or leaves', async () => {
    const [first, second, third] = [await open(), await open(), await open()]
    const answer = await ask(first)
    await first.close()
    expect(await ask(third)).toBe(answer)
    expect(await hosting(second, third)).toEqual([true, false])
    await second.goto('about:blank')
    expect(await ask(third)).toBe(answer)
    expect(await hosting(third)).toEqual([true])
  })

  it('moves on when the endpoint is closed, or its LLM is disposed of', async () => {
    const [first, second, third] = [await open(), await open(), await open()]
    await first.evaluate(() => endpoint.close())
    expect(typeof (await ask(first))).toBe('string')
    expect(await hosting(first, second, third)).toEqual([false, true, false])
    await second.evaluate(() => endpoint.llm!.dispose())
    expect(typeof (await ask(first))).toBe('string')
    expect(await hosting(first, second, third)).toEqual([false, false, true])
  })

  it('answers 503 with a time to retry when nobody hosts', async () => {
    const page = await open()
    await page.evaluate(() => endpoint.close())
    const answer = await page.evaluate(async () => {
      const response = await fetch('./v1/models')
      return [response.status, response.headers.get('retry-after'), (await response.json()).error.code]
    })
    expect(answer).toEqual([503, '1', 'engine_not_ready'])
  })

  it('is waited for by requests that come while the model loads', async () => {
    const page = await context.newPage()
    await visit(page, site)
    const answer = await page.evaluate(async () => {
      const registering = registerOcellus({
        url: './service-worker.js',
        engine: async () => {
          await new Promise((resolve) => setTimeout(resolve, 3000))
          return LLM.create(engineOptions)
        },
      })
      while (!navigator.serviceWorker.controller) await new Promise((resolve) => setTimeout(resolve, 20))
      const response = await fetch('./health')
      globalThis.endpoint = await registering
      return response.status
    })
    expect(answer).toBe(200)
  })

  it('stops waiting when the signal says so, and leaves the election', async () => {
    const page = await context.newPage()
    await visit(page, site)
    const never = await thrownIn(
      page,
      () => registerOcellus({ url: './service-worker.js', engine: () => new Promise(() => {}), signal: AbortSignal.timeout(800) }),
      undefined,
    )
    expect(never).toMatch(/^TimeoutError/)
    expect(await page.evaluate(async () => (await navigator.locks.query()).held?.length)).toBe(0)
  })
})

describe('two scopes of one origin', () => {
  it('have a service worker and an engine each', async () => {
    const [app, repo] = [await open('app'), await open('repo')]
    expect(await hosting(app, repo)).toEqual([true, true])
    expect(await repo.evaluate(() => endpoint.baseURL)).toBe(`${site.origin}/repo/v1`)
    const before = await Promise.all([generated(app), generated(repo)])
    await ask(repo)
    expect((await generated(app)) - before[0]!).toBe(0)
    expect((await generated(repo)) - before[1]!).toBe(6)
  })

  it('are removed by unregister, one at a time', async () => {
    const [app, repo] = [await open('app'), await open('repo')]
    expect(await app.evaluate(() => endpoint.unregister())).toBe(true)
    const left = await app.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).map(({ scope }) => scope))
    expect(left).toEqual([`${site.origin}/repo/`])
    expect(typeof (await ask(repo))).toBe('string')
  })
})
