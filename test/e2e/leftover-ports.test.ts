import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EndpointSite, startEndpointSite, visit } from './endpoint-site.ts'
import { startBrowser } from './page.ts'

let site: EndpointSite
let browser: Browser
let page: Page
beforeAll(async () => {
  site = await startEndpointSite()
  browser = await startBrowser()
  page = await browser.newPage()
  await visit(page, site)
  await page.evaluate(countPorts)
  await page.evaluate(async (countPorts) => {
    const script = `import '${location.origin}/dist/worker.js'
      ;(${countPorts})()
      addEventListener('message', ({ data }) => data === 'ports' && postMessage({ ports: openPorts.size }))`
    const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }))
    const worker = new Worker(url, { type: 'module' })
    Object.assign(globalThis, { worker })
    globalThis.llm = await LLM.create({ ...engineOptions, max_model_len: 512, worker, max_num_seqs: 8, max_waiting_requests: 40 })
  }, String(countPorts))
})
afterAll(async () => {
  await browser.close()
  await site.close()
})

declare global {
  var openPorts: Set<MessagePort>
}

/** Keeps the ports that somebody here listens to and has not closed, from now on. */
function countPorts(): void {
  const open = new Set<MessagePort>()
  globalThis.openPorts = open
  const { addEventListener, close } = MessagePort.prototype
  const onmessage = Object.getOwnPropertyDescriptor(MessagePort.prototype, 'onmessage')
  Object.defineProperty(MessagePort.prototype, 'onmessage', {
    ...onmessage,
    set(this: MessagePort, listener) {
      if (listener) open.add(this)
      onmessage?.set?.call(this, listener)
    },
  })
  MessagePort.prototype.addEventListener = function (this: MessagePort, ...given: Parameters<typeof addEventListener>) {
    if (given[0] === 'message') open.add(this)
    addEventListener.apply(this, given)
  } as typeof addEventListener
  MessagePort.prototype.close = function () {
    open.delete(this)
    close.call(this)
  }
}

/** Ports that are open in the page and in the engine's worker, once the engine is at rest. */
const openNow = (): Promise<[page: number, worker: number]> =>
  page.evaluate(async () => {
    while ((await llm.stats()).running + (await llm.stats()).waiting > 0) await new Promise((resolve) => setTimeout(resolve, 20))
    const { worker } = globalThis as unknown as { worker: Worker }
    const inWorker = new Promise<number>((resolve) => {
      worker.addEventListener('message', ({ data }) => data?.ports !== undefined && resolve(data.ports))
    })
    worker.postMessage('ports')
    return [openPorts.size, await inWorker]
  })

type End = 'whole' | 'streamed' | 'aborted' | 'left' | 'refused' | 'bad picture'

/** Makes requests, all at a time, each with an end of its own. */
const make = (count: number, ends: readonly End[]): Promise<number> =>
  page.evaluate(
    async ([count, ends]) => {
      const one = async (i: number): Promise<boolean> => {
        const end = ends[i % ends.length]
        const picture = { type: 'image_url', image_url: { url: 'data:,none' } }
        const content = end === 'bad picture' ? [picture] : end === 'refused' ? 'word '.repeat(900) : `Count ${i}`
        const body = { messages: [{ role: 'user', content }], max_tokens: 1 + ((i * 13) % 40), ignore_eos: true }
        const signal = end === 'aborted' ? AbortSignal.timeout((i * 37) % 400) : null
        const json = JSON.stringify({ ...body, stream: i % 2 === 0 || end === 'streamed' || end === 'left' })
        const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: json, signal }
        try {
          const response = await llm.fetch('/v1/chat/completions', init)
          if (end === 'left') await response.body?.cancel()
          else await response.text()
          return response.ok
        } catch {
          return false
        }
      }
      const ok = await Promise.all(Array.from({ length: count }, (_, i) => one(i)))
      return ok.filter((each) => each).length
    },
    [count, ends] as const,
  )

describe('ports', () => {
  it('are counted where they are: one for each request under way, at either end', async () => {
    const before = await openNow()
    const during = await page.evaluate(async () => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json' } }
      const body = JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }], max_tokens: 400, ignore_eos: true, stream: true })
      const response = await llm.fetch('/v1/chat/completions', { ...init, body })
      const during = openPorts.size
      await response.body?.cancel()
      return during
    })
    expect(during).toBe(before[0] + 1)
    expect(await openNow()).toEqual(before)
  })

  const cases: [what: string, count: number, ends: End[]][] = [
    ['answered whole and in streams', 40, ['whole', 'streamed']],
    ['refused by the engine', 40, ['refused', 'bad picture']],
    ['left by their readers', 40, ['left']],
    ['more than the queue takes', 120, ['whole']],
    ['aborted at any moment', 200, ['aborted']],
    ['of all kinds at once', 60, ['whole', 'aborted', 'refused', 'left', 'streamed', 'bad picture']],
  ]
  for (const [what, count, ends] of cases) {
    it(`are all closed after ${count} requests ${what}`, async () => {
      const before = await openNow()
      await make(count, ends)
      expect(await openNow()).toEqual(before)
    })
  }

  it('are closed as well by a call of the page’s own, and the engine answers on', async () => {
    const before = await openNow()
    const text = await page.evaluate(async () => {
      for await (const _ of llm.stream('Hi', { max_tokens: 400, ignore_eos: true })) break
      return (await llm.generate('Again', { max_tokens: 3, ignore_eos: true }))[0]?.outputs[0]?.token_ids.length
    })
    expect(text).toBe(3)
    expect(await openNow()).toEqual(before)
  })
})
