import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright'
import type { ViteDevServer } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { catalogue } from '../../demo/examples/page/catalogue.ts'
import { startBrowser } from './page.ts'
import { checks } from './vllm-page-checks.ts'
import { type Family, folder, golden, root, startDemo, type WhatCame } from './vllm-page-runs.ts'

const names = readdirSync(join(root, 'demo/examples'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replace(/\.ts$/, ''))

let server: ViteDevServer
let address: string
let browser: Browser
let page: Page
const complaints: string[] = []

beforeAll(async () => {
  server = await startDemo()
  address = `${server.resolvedUrls?.local[0]}examples/`
  browser = await startBrowser()
  page = await browser.newPage()
  page.on('pageerror', (error) => complaints.push(error.message))
})
afterAll(async () => {
  await browser.close()
  await server.close()
})

/** Runs an example in a frame of its own with a family's small checkpoint. */
async function run(name: string, family: Family, file?: string): Promise<WhatCame> {
  await page.goto(`${address}runner.html`)
  await page.waitForFunction(() => globalThis.runExample !== undefined)
  return page.evaluate(
    async ([name, model, file]) => {
      const printed: string[] = []
      const options = { model, max_model_len: 512, dtype: 'float32' as const }
      const blob = file === undefined ? undefined : await (await fetch(file)).blob()
      const returned = await runExample(name, options, (...values) => printed.push(values.join(' ')), blob)
      return { printed, returned }
    },
    [name, `${folder(family)}/checkpoint/`, file] as const,
  )
}

describe('the examples', () => {
  it('are all on the page, and each has a check', () => {
    const listed = catalogue.flatMap(({ entries }) => entries.map(({ name }) => name))
    expect(listed.toSorted()).toEqual(names.toSorted())
    expect(Object.keys(checks).toSorted()).toEqual(names.toSorted())
  })

  it.each(names)('%s gives what the reference gives', async (name) => {
    const check = checks[name]
    if (!check) throw new Error(`${name} has no check; add one to vllm-page-checks.ts.`)
    const came = await run(name, check.family, check.file && `${folder(check.family)}/${check.file}`)
    await check.compare(came, page)
    expect(complaints).toEqual([])
  })

  it('are short, and name the checkpoint of the Hub', () => {
    for (const name of names) {
      const source = readFileSync(join(root, `demo/examples/${name}.ts`), 'utf8')
      expect(source.split('\n').length).toBeLessThanOrEqual(41)
      expect(source).toMatch(/model: '[\w-]+\/[\w.-]+'/)
    }
  })
})

describe('the page of examples', () => {
  const say = (status: string): Promise<unknown> =>
    page.waitForFunction((status) => document.querySelector('#status')?.textContent?.startsWith(status), status)

  it('shows each example with its source as users of the package write it', async () => {
    await page.goto(address)
    for (const { entries } of catalogue)
      for (const { name, title } of entries) {
        await page.click(`#list a[href="#${name}"]`)
        await page.waitForSelector(`#list a[href="#${name}"][aria-current]`)
        expect(await page.textContent('#title')).toBe(title)
        const source = await page.textContent('#source')
        expect(source).toMatch(/^import [\s\S]* from 'ocellus'\n[\s\S]*export async function run/)
        expect((await page.textContent('#summary'))?.length).toBeGreaterThan(10)
        expect(await page.isVisible('#file-field')).toBe(source?.includes('file = new Blob') ?? false)
      }
  })

  it('runs one with another model, and shows what it printed and returned', async () => {
    await page.goto(`${address}#image-single`)
    await page.selectOption('#model', 'other')
    await page.fill('#other', `${folder('llava')}/checkpoint/`)
    await page.click('#run')
    await say('Done after')
    const { prompt_token_ids, generated } = golden('llava', 'image')
    if (process.env['OCELLUS_GPU'] !== '1') expect(await page.textContent('#printed')).toBe(`${generated?.text}\n`)
    await page.click('#returned-details summary')
    expect(await page.textContent('#returned')).toContain(`… ${prompt_token_ids.length} in all`)
    expect(await page.locator('iframe').count()).toBe(0)
  })

  it('runs the endpoint of a service worker below itself', async () => {
    await page.goto(`${address}#online-image`)
    await page.selectOption('#model', 'other')
    await page.fill('#other', `${folder('phi3_v')}/checkpoint/`)
    await page.click('#run')
    await say('Done after')
    const { generated } = golden('phi3_v', 'chat_image')
    if (process.env['OCELLUS_GPU'] !== '1') expect(await page.textContent('#printed')).toBe(`${generated?.text}\n`)
  })

  it('takes features as a file, and does not run without', async () => {
    await page.goto(`${address}#image-embeds-llava`)
    await page.selectOption('#model', 'other')
    await page.fill('#other', `${folder('llava')}/checkpoint/`)
    await page.click('#run')
    expect(await page.locator('#file:invalid').count()).toBe(1)
    await page.setInputFiles('#file', join(root, 'test/goldens/llava/embeds/image.safetensors'))
    await page.click('#run')
    await say('Done after')
    expect((await page.textContent('#printed'))?.length).toBeGreaterThan(1)
  })

  it('answers with the model that comes with it', async () => {
    await page.goto(`${address}#image-chat`)
    await page.click('#run')
    await say('Done after')
    expect(await page.textContent('#printed')).toMatch(/\w/)
  })

  it('says readably what went wrong, and can be run again', async () => {
    await page.goto(`${address}#audio`)
    await page.selectOption('#model', 'other')
    await page.fill('#other', './no-such-model/')
    await page.click('#run')
    await page.waitForSelector('#status.bad')
    expect(await page.textContent('#status')).toMatch(/The model could not be loaded\. .*no-such-model/)
    expect(await page.isVisible('#run')).toBe(true)
  })

  it('ends a run with Stop, and with another example', async () => {
    for (const leave of ['#stop', '#list a[href="#audio"]']) {
      await page.goto(`${address}#image-chat`)
      await page.click('#run')
      await page.waitForSelector('iframe', { state: 'attached' })
      await page.click(leave)
      expect(await page.locator('iframe').count()).toBe(0)
      expect(await page.isVisible('#run')).toBe(true)
    }
  })

  it('fits a phone', async () => {
    await page.setViewportSize({ width: 390, height: 844 })
    for (const name of ['online-interleaved', 'image-embeds-qwen2-vl', 'audio']) {
      await page.goto(`${address}#${name}`)
      expect(await page.inputValue('#chooser')).toBe(name)
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
    }
    await page.selectOption('#chooser', 'video-file')
    expect(await page.textContent('#title')).toBe('A video file')
    expect(complaints).toEqual([])
  })
})
