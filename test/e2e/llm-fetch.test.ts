import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EndpointSite, startEndpointSite, visit } from './endpoint-site.ts'
import { startBrowser, thrownIn } from './page.ts'

let site: EndpointSite
let browser: Browser
let page: Page
const complaints: string[] = []

beforeAll(async () => {
  site = await startEndpointSite()
  browser = await startBrowser()
  page = await browser.newPage()
  page.on('pageerror', (error) => complaints.push(error.message))
  await visit(page, site)
  await page.evaluate(async () => {
    globalThis.llm = await LLM.create({ ...engineOptions, max_model_len: 512 })
  })
})
afterAll(async () => {
  await browser.close()
  await site.close()
})

/** What the engine holds once it has come to rest. */
const rest = (): Promise<number[]> =>
  page.evaluate(async () => {
    for (const end = performance.now() + 5000; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
      const { running, waiting, kv_blocks_used } = await llm.stats()
      if (running + waiting + kv_blocks_used === 0 || performance.now() > end) return [running, waiting, kv_blocks_used]
    }
  })

describe('llm.fetch', () => {
  it('serves the openai client without a service worker', async () => {
    const answers = await page.evaluate(async () => {
      const { fetch } = llm
      const openai = client({ fetch, baseURL: 'https://nowhere.example/some/v1' })
      const body = { model, messages: [{ role: 'user' as const, content: 'Hi' }], max_tokens: 12, temperature: 0, ignore_eos: true }
      const whole = await openai.chat.completions.create({ ...body })
      let text = ''
      for await (const { choices } of await openai.chat.completions.create({ ...body, stream: true }))
        text += choices[0]?.delta.content ?? ''
      return [whole.choices[0]?.message.content, text, (await openai.models.list()).data[0]?.id === llm.info.model]
    })
    expect(answers[1]).toBe(answers[0])
    expect(answers[2]).toBe(true)
  })

  it('takes strings, URL and Request objects, relative and absolute', async () => {
    const statuses = await page.evaluate(async () => {
      const inputs = ['/v1/models', './v1/models', new URL('https://nowhere.example/v1/models'), new Request('/health'), 'version']
      return Promise.all(inputs.map(async (input) => (await llm.fetch(input)).status))
    })
    expect(statuses).toEqual([200, 200, 200, 200, 200])
  })

  it('answers what it does not know with an error object, and sends nothing to the network', async () => {
    const before = site.requests.length
    const answer = await page.evaluate(async () => {
      const response = await llm.fetch('/v1/nothing', { method: 'POST', body: '{}' })
      return [response.status, (await response.json()).error.code]
    })
    expect(answer).toEqual([404, 'unknown_url'])
    expect(site.requests.length).toBe(before)
  })

  const bodies = { stream: true, model: '', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 400, ignore_eos: true }

  it('rejects with the signal’s reason before the headers', async () => {
    const post = async (body: object): Promise<unknown> => {
      const signal = AbortSignal.abort(new RangeError('enough'))
      return llm.fetch('/v1/chat/completions', { method: 'POST', body: JSON.stringify({ ...body, model }), signal })
    }
    expect(await thrownIn(page, post, bodies)).toMatch(/^RangeError: enough/)
    const late = async (body: object): Promise<unknown> => {
      const json = JSON.stringify({ ...body, model, stream: false })
      const headers = { 'content-type': 'application/json' }
      return llm.fetch('/v1/chat/completions', { method: 'POST', headers, body: json, signal: AbortSignal.timeout(200) })
    }
    expect(await thrownIn(page, late, bodies)).toMatch(/^TimeoutError/)
    expect(await rest()).toEqual([0, 0, expect.any(Number)])
  })

  it('breaks the body off with the signal’s reason after the headers, and ends the request', async () => {
    const thrown = await thrownIn(
      page,
      async (body) => {
        const controller = new AbortController()
        const headers = { 'content-type': 'application/json' }
        const init = { method: 'POST', headers, body: JSON.stringify({ ...body, model }), signal: controller.signal }
        const reader = (await llm.fetch('/v1/chat/completions', init)).body!.getReader()
        await reader.read()
        controller.abort(new RangeError('enough'))
        for (;;) if ((await reader.read()).done) return 'a clean end'
      },
      bodies,
    )
    expect(thrown).toMatch(/^RangeError: enough/)
    expect((await rest()).slice(0, 2)).toEqual([0, 0])
  })
})

describe('many requests', () => {
  it('gives 100 at a time the texts of greedy runs one by one', async () => {
    const { together, alone } = await page.evaluate(async () => {
      const openai = client({ fetch: llm.fetch })
      const ask = async (i: number): Promise<string | null | undefined> => {
        const messages = [{ role: 'user' as const, content: `Number ${i} of ${'many '.repeat(i % 7)}` }]
        const body = { model, messages, max_tokens: 3 + (i % 3), temperature: 0 }
        return (await openai.chat.completions.create(body)).choices[0]?.message.content
      }
      const places = Array.from({ length: 100 }, (_, i) => i)
      const together = await Promise.all(places.map(ask))
      const alone = []
      for (const i of places) alone.push(await ask(i))
      return { together, alone }
    })
    expect(together).toEqual(alone)
    expect(new Set(together).size).toBeGreaterThan(20)
  })

  it('leaves no sequence and no block of 200 that are aborted at any moment, and answers the next', async () => {
    const ended = await page.evaluate(async () => {
      // A small generator, so that a failure can be had again.
      let state = 12345
      const random = (): number => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31
      const one = async (i: number): Promise<string> => {
        const signal = AbortSignal.timeout(random() * 500)
        const stream = i % 2 === 0
        const body = { model, messages: [{ role: 'user', content: `Count ${i}` }], max_tokens: 300, ignore_eos: true, stream }
        const headers = { 'content-type': 'application/json' }
        try {
          const response = await llm.fetch('/v1/chat/completions', { method: 'POST', headers, body: JSON.stringify(body), signal })
          for await (const _ of response.body!);
          return `status ${response.status}`
        } catch (error) {
          return (error as Error).name
        }
      }
      const ended: string[] = []
      for (let wave = 0; wave < 4; wave++) ended.push(...(await Promise.all(Array.from({ length: 50 }, (_, i) => one(wave * 50 + i)))))
      return ended
    })
    expect(ended.filter((end) => end === 'TimeoutError').length).toBeGreaterThan(150)
    expect(ended.filter((end) => end !== 'TimeoutError' && end !== 'status 200')).toEqual([])
    expect(await rest()).toEqual([0, 0, 0])
    const text = await page.evaluate(
      async () => (await llm.generate('Again', { max_tokens: 3, ignore_eos: true }))[0]?.outputs[0]?.token_ids.length,
    )
    expect(text).toBe(3)
  })

  it('makes the engine wait for whoever reads slowly, and loses nothing', async () => {
    const { early, later, tokens } = await page.evaluate(async () => {
      const messages = [{ role: 'user', content: 'Hi' }]
      const body = { model, messages, max_tokens: 440, ignore_eos: true, stream: true, logprobs: true, top_logprobs: 5 }
      const headers = { 'content-type': 'application/json' }
      const response = await llm.fetch('/v1/chat/completions', { method: 'POST', headers, body: JSON.stringify(body) })
      const before = (await llm.stats()).generated_tokens
      const generated = async (): Promise<number> => (await llm.stats()).generated_tokens - before
      // Until the engine stands still, for want of a reader or of work.
      const settle = async (): Promise<number> => {
        for (let last = -1; ; ) {
          const now = await generated()
          if (now === last) return now
          last = now
          await new Promise((resolve) => setTimeout(resolve, 500))
        }
      }
      const early = await settle()
      const running = (await llm.stats()).running
      const text = await response.text()
      const tokens = text.split('"logprob":').length > 440 && text.endsWith('data: [DONE]\n\n')
      return { early: [early < 400, running], later: await generated(), tokens }
    })
    expect(early).toEqual([true, 1])
    expect(later).toBeGreaterThan(430)
    expect(tokens).toBe(true)
  })

  it('refuses with 429 and a time to retry what the queue cannot take', async () => {
    const answers = await page.evaluate(async () => {
      const small = await LLM.create({ ...engineOptions, max_model_len: 256, max_num_seqs: 1, max_waiting_requests: 2 })
      const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 60, ignore_eos: true })
      const post = async (): Promise<string> => {
        const response = await small.fetch('/v1/chat/completions', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        })
        const { error } = (await response.json()) as { error?: { code: string } }
        return `${response.status} ${error?.code} ${response.headers.get('retry-after-ms')}`
      }
      const answers = await Promise.all(Array.from({ length: 6 }, post))
      await small.dispose()
      return answers.sort()
    })
    expect(answers[0]).toBe('200 undefined null')
    expect(answers.filter((answer) => answer.startsWith('200')).length).toBeLessThan(5)
    expect(answers.at(-1)).toMatch(/^429 queue_full \d+$/)
  })

  it('has left no error that nobody caught', () => {
    expect(complaints).toEqual([])
  })
})
