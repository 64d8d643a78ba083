import { join, resolve } from 'node:path'
import type { Browser, Page } from 'playwright'
import { createServer, type ViteDevServer } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBrowser } from './page.ts'
import { embeddedModel, pictures, randomModel } from './places.ts'

const root = resolve(import.meta.dirname, '../..')

let server: ViteDevServer
let browser: Browser
let page: Page
const complaints: string[] = []

beforeAll(async () => {
  server = await createServer({
    configFile: join(root, 'vite.config.ts'),
    root: join(root, 'demo'),
    server: { port: 0, host: '127.0.0.1', hmr: false, watch: null },
    logLevel: 'error',
  })
  await server.listen()
  browser = await startBrowser()
  page = await browser.newPage()
  page.on('pageerror', (error) => complaints.push(error.message))
})
afterAll(async () => {
  await browser.close()
  await server.close()
})

const visit = (model: string): Promise<unknown> => page.goto(`${server.resolvedUrls?.local[0]}?model=${encodeURIComponent(model)}`)

describe('the demo page', () => {
  it('says readably that a model cannot be loaded', async () => {
    await visit('./no-such-model/')
    await page.waitForSelector('#status.bad')
    expect(await page.textContent('#status')).toMatch(/The model could not be loaded\. .*no-such-model/)
  })

  it('loads a model and tells on what it runs', async () => {
    await visit(`/@fs${embeddedModel}/`)
    await page.waitForFunction(() => document.querySelector('#status')?.textContent?.startsWith('Ready on'))
    if (process.env['OCELLUS_GPU'] !== '1') expect(await page.textContent('#status')).toContain('software adapter')
    expect(await page.isHidden('#progress')).toBe(true)
    expect(await page.isDisabled('#send')).toBe(true)
  })

  it('answers about a picture that was added, and about it again', async () => {
    await page.setInputFiles('#files', join(pictures, 'shapes.png'))
    expect(await page.locator('#tray img').count()).toBe(1)
    await page.fill('#question', 'What color is the star?')
    await page.click('#send')
    await page.waitForFunction(() => document.querySelector('.answer:not(.writing)')?.textContent)
    expect(await page.textContent('.answer')).toMatch(/red/i)
    expect(await page.textContent('#figures')).toMatch(/first token after .* tokens read, \d+ written/)
    await page.fill('#question', 'What color is the circle?')
    await page.keyboard.press('Enter')
    await page.waitForFunction(() => document.querySelectorAll('.answer:not(.writing)').length === 2)
    expect(await page.locator('.answer').nth(1).textContent()).toMatch(/blue/i)
  })

  it('offers the model as an OpenAI endpoint, with code that runs as it stands', async () => {
    await page.waitForSelector('#endpoint:not([hidden])')
    expect(await page.textContent('#endpoint-address')).toBe(new URL('v1', page.url()).href)
    await page.click('#endpoint > summary')
    const code = await page.textContent('#endpoint-snippet')
    const said = await page.evaluate(async (code) => {
      const lines: unknown[] = []
      const log = console.log
      console.log = (line: unknown) => lines.push(line)
      await new Function(`return (async () => {${code}})()`)()
      console.log = log
      return lines
    }, code)
    expect(typeof said[0]).toBe('string')
    expect(said[0]).not.toBe('')
  })

  it('stops an answer, keeps what was written, and asks again', async () => {
    // A model of random weights does not come to an end by itself.
    await visit(`/@fs${randomModel}/`)
    await page.waitForFunction(() => document.querySelector('#status')?.textContent?.startsWith('Ready on'))
    await page.fill('#question', 'Hello')
    await page.click('#send')
    await page.waitForFunction(() => (document.querySelector('.answer')?.textContent?.length ?? 0) > 5)
    await page.click('#stop')
    await page.waitForSelector('.took')
    expect(await page.textContent('.took')).toBe('Stopped.')
    expect((await page.textContent('.answer'))?.length).toBeGreaterThan(5)
    await page.fill('#question', 'And now?')
    await page.click('#send')
    await page.waitForFunction(() => document.querySelectorAll('.answer')[1]?.textContent)
    await page.click('#stop')
    await page.waitForSelector('#send:visible')
    expect(await page.locator('.failed').count()).toBe(0)
  })

  it('shows what is wrong with a picture, and goes on', async () => {
    await page.click('#clear')
    await page.setInputFiles('#files', { name: 'x.png', mimeType: 'image/png', buffer: Buffer.from('no picture') })
    await page.click('#send')
    await page.waitForSelector('.failed')
    expect(await page.textContent('.failed')).toMatch(/A picture could not be read/)
    expect(complaints).toEqual([])
  })
})
