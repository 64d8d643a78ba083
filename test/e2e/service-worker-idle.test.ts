import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { launchOptions } from '../../cli/chromium.ts'
import { startEndpointSite } from './endpoint-site.ts'

/** In the page: registers, asks, waits for longer than a service worker lives without work, and asks again. */
const script = `
const status = () => new Promise((resolve) => {
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = ({ data }) => resolve(data)
  navigator.serviceWorker.controller.postMessage({ ocellus: 'status' }, [port2])
})
const ask = async () => {
  const body = { model, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 6, temperature: 0 }
  return (await client().chat.completions.create(body)).choices[0].message.content
}
try {
  const endpoint = await registerOcellus({ url: './service-worker.js', engine: engineOptions })
  const before = [await ask(), await status()]
  await new Promise((resolve) => setTimeout(resolve, 36_000))
  const after = [await ask(), await status()]
  const { running, waiting } = await endpoint.llm.stats()
  await report({ before, after, running, waiting })
} catch (error) {
  await report({ error: String(error) })
}
`

describe('a service worker that the browser has ended for want of work', () => {
  // Whoever drives a browser keeps its service workers alive, so this one is left alone and its page reports by itself.
  it('is started again by the next request, which is answered as before', async () => {
    const site = await startEndpointSite(script)
    const profile = await mkdtemp(join(tmpdir(), 'ocellus-idle-'))
    const { executablePath = '', args = [] } = launchOptions({ software: process.env['OCELLUS_GPU'] !== '1' })
    const own = ['--headless', '--no-sandbox', `--user-data-dir=${profile}`, `${site.origin}/app/alone.html`]
    const browser = spawn(executablePath, [...args, ...own], { stdio: 'ignore' })
    const closed = new Promise((resolve) => browser.once('close', resolve))
    try {
      for (const end = Date.now() + 120_000; site.reports.length === 0 && Date.now() < end; )
        await new Promise((resolve) => setTimeout(resolve, 200))
      const [report] = site.reports as { error?: string; before: [string, { started: number }]; after: [string, { started: number }] }[]
      expect(report?.error).toBe(undefined)
      expect(report?.after[0]).toBe(report?.before[0])
      expect(report!.after[1].started - report!.before[1].started).toBeGreaterThan(20_000)
      expect(report).toMatchObject({ running: 0, waiting: 0 })
    } finally {
      browser.kill()
      await closed
      await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
      await site.close()
    }
  })
})
