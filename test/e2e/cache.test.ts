import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { launchOptions } from '../../cli/chromium.ts'
import { type FileServer, startFileServer } from '../../cli/file-server.ts'
import { type ModelSite, startModelSite, streamedBytes } from './model-site.ts'
import { startBrowser } from './page.ts'
import { dist, embeddedModel, randomModel } from './places.ts'

type Browser = Awaited<ReturnType<typeof startBrowser>>

let server: FileServer
let library: string
let site: ModelSite
let browser: Browser
let context: BrowserContext
beforeAll(async () => {
  server = await startFileServer()
  library = `${server.mount(dist)}index.js`
  site = await startModelSite(randomModel)
  browser = await startBrowser()
})
afterAll(async () => {
  await browser.close()
  await Promise.all([server.close(), site.close()])
})
// Each test has an origin of its own to store in.
beforeEach(async () => {
  await context?.close()
  context = await browser.newContext()
  site.sent.length = 0
  site.cut(false)
})

interface Seen {
  /** Of a few tokens after 'Hello'. */
  ids: number[]
  cached: boolean[]
  warnings: string[]
}

/** A page with the library as LLM. */
async function openPage(where: BrowserContext = context): Promise<Page> {
  const page = await where.newPage()
  await page.goto(server.page)
  await page.addScriptTag({ type: 'module', content: `import { LLM } from ${JSON.stringify(library)}; globalThis.LLM = LLM` })
  await page.waitForFunction(() => globalThis.LLM !== undefined)
  return page
}

/** Loads a model in a page, has it say something, and lets go of it. */
async function load(page: Page, options: Record<string, unknown> = {}): Promise<Seen> {
  const warnings: string[] = []
  page.on('console', (line) => line.type() === 'warning' && warnings.push(line.text()))
  const seen = await page.evaluate(
    async (given) => {
      const cached = new Set<boolean>()
      const onProgress = (event: { status: string; cached?: boolean }): void => {
        if (event.status === 'progress') cached.add(event.cached === true)
      }
      const llm = await LLM.create({ max_model_len: 256, dtype: 'float32', onProgress, ...given } as Parameters<typeof LLM.create>[0])
      const [output] = await llm.generate('Hello', { temperature: 0, max_tokens: 6, ignore_eos: true })
      await llm.dispose()
      return { ids: [...(output?.outputs[0]?.token_ids ?? [])], cached: [...cached] }
    },
    { model: site.model, ...options },
  )
  return { ...seen, warnings }
}

const list = (page: Page) => page.evaluate(() => LLM.cache.list())

/** Changes the storage behind the library's back. */
const spoil = (page: Page, at: number): Promise<void> =>
  page.evaluate(async (at) => {
    const weights = await (await (await navigator.storage.getDirectory()).getDirectoryHandle('ocellus')).getDirectoryHandle('weights')
    for await (const folder of weights.values()) {
      const file = await (folder as FileSystemDirectoryHandle).getFileHandle('data')
      const bytes = new Uint8Array(await (await file.getFile()).arrayBuffer())
      bytes[at]! ^= 0x55
      const out = await file.createWritable({ keepExistingData: true })
      await out.write({ type: 'write', position: at, data: bytes.slice(at, at + 1) })
      await out.close()
    }
  }, at)

describe('a model that is kept', () => {
  it('loads again without the network, in another page, with the same answers', async () => {
    const first = await load(await openPage())
    expect(first.cached).toEqual([false])
    expect(first.warnings).toEqual([])
    site.cut(true)
    const second = await load(await openPage())
    expect(second).toEqual({ ...first, cached: [true] })
  })

  it('is not fetched again while the server still has the same', async () => {
    const first = await load(await openPage())
    expect(streamedBytes(site)).toBeGreaterThan(300_000)
    site.sent.length = 0
    expect((await load(await openPage())).ids).toEqual(first.ids)
    expect(streamedBytes(site)).toBe(0)
    expect(site.sent.filter(({ file }) => /\.(json|jinja)$/.test(file)).every(({ bytes }) => bytes === 1)).toBe(true)
  })

  it('is fetched once by two tabs that load it at once', async () => {
    const pages = [await openPage(), await openPage()]
    const [one, two] = await Promise.all(pages.map((page) => load(page)))
    const once = streamedBytes(site)
    expect(one?.ids).toEqual(two?.ids)
    expect([one?.cached[0], two?.cached[0]].sort()).toEqual([false, true])
    expect(once).toBeLessThan(400_000)
    const both = await Promise.all(pages.map((page) => load(page)))
    expect(both.map(({ cached }) => cached)).toEqual([[true], [true]])
    expect(streamedBytes(site)).toBe(once)
  })

  it('is mended where a byte on the disk has changed', async () => {
    const page = await openPage()
    const first = await load(page)
    await spoil(page, 100_000)
    site.sent.length = 0
    const second = await load(page)
    expect(second.ids).toEqual(first.ids)
    expect(streamedBytes(site)).toBeGreaterThan(0)
    site.cut(true)
    expect(await load(page)).toEqual({ ...first, cached: [true] })
  })

  it('is not loaded from a spoilt disk without the network', async () => {
    const page = await openPage()
    await load(page)
    await spoil(page, 200_000)
    site.cut(true)
    const message = await load(page).then(
      () => '',
      (error: Error) => error.message,
    )
    expect(message).toMatch(/ModelLoadError: model-0000\d-of-00002\.safetensors could not be read in \d tries/)
  })

  it('is listed, measured and cleared', async () => {
    const page = await openPage()
    expect([await list(page), await page.evaluate(() => LLM.cache.size())]).toEqual([[], 0])
    await load(page)
    await load(page, { cache: 'weights', quantization: 'q8' })
    const kept = await list(page)
    expect(kept.map(({ model, kind, recipe, complete }) => [model, kind, recipe, complete])).toEqual([
      [site.model, 'weights', 'float32', true],
      [site.model, 'files', '', true],
      [site.model, 'weights', 'float32, q8', true],
    ])
    for (const { lastUsed, bytes } of kept)
      expect([(lastUsed?.getTime() ?? 0) > Date.now() - 600_000, bytes > 10_000]).toEqual([true, true])
    const size = await page.evaluate(() => LLM.cache.size())
    expect(size).toBe(kept.reduce((sum, { bytes }) => sum + bytes, 0))
    expect(await page.evaluate(() => LLM.cache.clear('another/model'))).toBe(0)
    expect(await page.evaluate((model) => LLM.cache.clear(model), site.model)).toBe(size)
    expect(await list(page)).toEqual([])
  })

  it('is not kept where that was not wanted', async () => {
    const page = await openPage()
    await load(page, { cache: false })
    expect(await list(page)).toEqual([])
  })
})

describe('storage that is short', () => {
  const setQuota = async (page: Page, quotaSize: number): Promise<void> => {
    const session = await context.newCDPSession(page)
    await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(server.page).origin, quotaSize })
  }

  it('is gone without, and said once', async () => {
    const page = await openPage()
    await setQuota(page, 200_000)
    const seen = await load(page)
    expect(seen.ids.length).toBe(6)
    expect(seen.warnings.length).toBe(1)
    expect(seen.warnings[0]).toMatch(/is not kept for the next visit: the browser gives no room for its \d+ bytes/)
    expect((await list(page)).filter(({ kind }) => kind === 'weights')).toEqual([])
  })

  it('is taken from what was used longest ago', async () => {
    const page = await openPage()
    const first = await load(page)
    const { usage = 0 } = await page.evaluate(() => navigator.storage.estimate())
    await setQuota(page, usage + 100_000)
    const second = await load(page, { quantization: 'q8' })
    expect(second.warnings).toEqual([])
    expect((await list(page)).filter(({ kind }) => kind === 'weights').map(({ recipe }) => recipe)).toEqual(['float32, q8'])
    expect((await load(page, { quantization: 'q8' })).cached).toEqual([true])
    expect((await load(page)).ids).toEqual(first.ids)
  })
})

/** Whether a block is on the disk, which it is once an index names it. */
const hasBlocks = (page: Page): Promise<boolean> =>
  page.evaluate(async () => {
    const top = await (await navigator.storage.getDirectory()).getDirectoryHandle('ocellus', { create: true })
    for await (const folder of (await top.getDirectoryHandle('weights', { create: true })).values()) {
      const index = await (folder as FileSystemDirectoryHandle).getFileHandle('index').catch(() => undefined)
      if (index && (await (await index.getFile()).text()).includes('sha256')) return true
    }
    return false
  })

describe('a browser that is killed while it fetches', () => {
  const profile = mkdtempSync(join(tmpdir(), 'ocellus-kill-'))
  afterAll(() => rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }))

  /** Chromium with this profile, all of its processes in a group of their own. */
  async function start(): Promise<{ group: ChildProcess; page: Page }> {
    const { executablePath = '', args = [] } = launchOptions({ software: process.env['OCELLUS_GPU'] !== '1' })
    const own = ['--headless', '--no-sandbox', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank']
    const group = spawn(executablePath, [...args, ...own], { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
    const address = await new Promise<string>((resolve, reject) => {
      let said = ''
      group.stderr?.on('data', (data) => {
        said += data
        const found = /ws:\/\/\S+/.exec(said)?.[0]
        if (found) resolve(found)
      })
      group.once('close', () => reject(new Error(`Chromium ended: ${said}`)))
    })
    const [where] = (await chromium.connectOverCDP(address)).contexts()
    return { group, page: await openPage(where) }
  }

  async function kill(group: ChildProcess): Promise<void> {
    const closed = new Promise((resolve) => group.once('close', resolve))
    process.kill(-(group.pid as number), 'SIGKILL')
    await closed
  }

  it('goes on from there when it is started again', async () => {
    const big = await startModelSite(embeddedModel)
    try {
      big.stallAfter = 16_000_000
      const first = await start()
      void load(first.page, { model: big.model }).catch(() => undefined)
      while (!(await hasBlocks(first.page))) await new Promise((resolve) => setTimeout(resolve, 100))
      await kill(first.group)
      big.stallAfter = Number.POSITIVE_INFINITY
      big.sent.length = 0
      const second = await start()
      expect((await list(second.page)).map(({ kind, complete }) => [kind, complete])).toEqual([['weights', false]])
      const seen = await load(second.page, { model: big.model })
      expect(seen.cached).toEqual([true, false])
      expect(streamedBytes(big)).toBeLessThan(16_000_000)
      big.cut(true)
      expect(await load(second.page, { model: big.model })).toEqual({ ...seen, cached: [true] })
      await kill(second.group)
    } finally {
      await big.close()
    }
  })
})
