import type { Browser } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EndpointSite, startEndpointSite, visit } from './endpoint-site.ts'
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

describe('the scope of an endpoint', () => {
  const cases: [scope: string | undefined, place: string][] = [
    [undefined, '/'],
    ['/', '/'],
    ['/app/', '/app/'],
    ['/app', '/app/'],
    ['./', '/app/'],
  ]
  for (const [scope, place] of cases) {
    it(`is ${place} where ${scope ?? 'none'} is asked for, with the script at the top`, async () => {
      const context = await browser.newContext()
      const page = await context.newPage()
      await visit(page, site)
      const { baseURL, ok, outside } = await page.evaluate(
        async ([scope, place]) => {
          const where = { url: '/service-worker.js', ...(scope !== undefined && { scope }) }
          const endpoint = await registerOcellus({ ...where, engine: { ...engineOptions, max_model_len: 256 } })
          const body = { model, messages: [{ role: 'user' as const, content: 'Hi' }], max_tokens: 3, ignore_eos: true }
          const whole = await client({ baseURL: endpoint.baseURL }).chat.completions.create(body)
          const beyond = await fetch(place === '/' ? '/v1/nothing' : '/v1/models')
          return { baseURL: endpoint.baseURL, ok: whole.usage?.completion_tokens, outside: beyond.status }
        },
        [scope, place] as const,
      )
      expect([baseURL, ok, outside]).toEqual([`${site.origin}${place}v1`, 3, 404])
      await context.close()
    })
  }
})
