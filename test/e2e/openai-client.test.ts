import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hermesTemplate } from '../support/tool-template.ts'
import { ask, type EndpointSite, idleEngine, startEndpointSite, visitAndRegister } from './endpoint-site.ts'
import { checkTour, type TourPlan, tour, tourText } from './openai-tour.ts'
import { startBrowser } from './page.ts'
import { goldenImages, randomModel } from './places.ts'
import { startServe } from './serve-process.ts'

declare global {
  // What functions sent to the page find there.
  var goOnTour: typeof tour
}

const dataUrl = (name: string): string => `data:image/png;base64,${readFileSync(join(goldenImages, name)).toString('base64')}`
const plan: Omit<TourPlan, 'model'> = { pictures: [dataUrl('shapes.png'), dataUrl('cup.png')], template: hermesTemplate }

let site: EndpointSite
let browser: Browser
let page: Page
beforeAll(async () => {
  site = await startEndpointSite()
  browser = await startBrowser()
  page = await browser.newPage()
  await visitAndRegister(page, site)
  await page.evaluate(`globalThis.goOnTour = ${tourText}`)
})
afterAll(async () => {
  await browser.close()
  await site.close()
})

describe('the openai client', () => {
  it('does the same in a page, by the service worker and by llm.fetch, and in Node, by serve', async () => {
    const byServiceWorker = await page.evaluate((plan) => goOnTour(client(), { ...plan, model }), plan)
    checkTour(byServiceWorker)
    // A whole answer that was given up is computed to its end there; nothing tells the service worker.
    expect(await idleEngine(page, 120_000)).toEqual({ running: 0, waiting: 0 })
    const byFetch = await page.evaluate((plan) => goOnTour(client({ fetch: endpoint.llm!.fetch }), { ...plan, model }), plan)
    expect(await idleEngine(page)).toEqual({ running: 0, waiting: 0 })
    expect(byFetch).toEqual(byServiceWorker)
    const server = await startServe(randomModel, '--served-model-name', 'random', '--max-model-len', '2048', '--dtype', 'float32')
    try {
      expect(await tour(server.client(), { ...plan, model: 'random' })).toEqual(byServiceWorker)
    } finally {
      await server.stop()
    }
  })

  it('waits in a page for another host by its own retries', async () => {
    const before = await ask(page)
    const { statuses, answer } = await page.evaluate(async () => {
      await endpoint.close()
      const statuses: number[] = []
      const watched: typeof fetch = async (...given) => {
        const response = await fetch(...given)
        if (statuses.push(response.status) === 1) {
          void registerOcellus({ url: './service-worker.js', engine: engineOptions }).then((next) => (globalThis.endpoint = next))
        }
        return response
      }
      const body = { model, messages: [{ role: 'user' as const, content: 'Hi' }], max_tokens: 6, temperature: 0 }
      const whole = await client({ fetch: watched, maxRetries: 2 }).chat.completions.create(body)
      return { statuses, answer: whole.choices[0]?.message.content }
    })
    expect(statuses).toEqual([503, 200])
    expect(answer).toBe(before)
  })

  it('waits in Node for another Chromium by its own retries', async () => {
    const template = join(import.meta.dirname, '../support/plain-template.jinja')
    const flags = ['--served-model-name', 'random', '--max-model-len', '256', '--dtype', 'float32', '--chat-template', template]
    const server = await startServe(randomModel, ...flags)
    try {
      const hi = { model: 'random', messages: [{ role: 'user' as const, content: 'Hi' }], temperature: 0, max_tokens: 6 }
      const before = await server.client().chat.completions.create(hi)
      // Nothing but the words: what --chat-template says.
      expect(before.usage?.prompt_tokens).toBe((await server.client().completions.create({ ...hi, prompt: 'Hi' })).usage?.prompt_tokens)
      expect(server.kill('browser')).toBeGreaterThan(0)
      const after = await server.client({ maxRetries: 8 }).chat.completions.create(hi)
      expect(after.choices).toEqual(before.choices)
    } finally {
      await server.stop()
    }
  })
})
