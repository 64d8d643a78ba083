import { type Browser, chromium, type Page } from 'playwright'
import { findChromium, launchOptions } from '../../cli/chromium.ts'
import { type FileServer, startFileServer } from '../../cli/file-server.ts'
import type { LLM as Library } from '../../src/index.ts'
import { dist, goldenImages, randomModel } from './places.ts'

/** A page that has imported the built library, and the server it came from. */
export interface LibraryPage {
  page: Page
  browser: Browser
  server: FileServer
  /** URLs, each ending in '/'. */
  library: string
  model: string
  images: string
  /** Errors that nobody caught, and warnings of the page's console. */
  complaints: string[]
  close(): Promise<void>
}

declare global {
  // What functions sent to the page find there.
  var LLM: typeof Library
  var llm: Library
  var options: { model: string; max_model_len: number; dtype: 'float32' }
}

/** Starts Chromium on the software adapter, so that a run means the same everywhere, or on the GPU with OCELLUS_GPU=1. */
export async function startBrowser(): Promise<Browser> {
  const found = findChromium()
  if (!found) throw new Error('These tests need Chromium; npm run setup installs it.')
  return chromium.launch(launchOptions({ found, software: process.env['OCELLUS_GPU'] !== '1' }))
}

/** Opens a page with the library as `LLM` and, in `options`, what LLM.create needs to load the model of random weights. */
export async function openLibraryPage(): Promise<LibraryPage> {
  const browser = await startBrowser()
  const server = await startFileServer()
  const [library, model, images] = [server.mount(dist), server.mount(randomModel), server.mount(goldenImages)]
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(server.page)
  await page.addScriptTag({
    type: 'module',
    content: `import { LLM } from ${JSON.stringify(`${library}index.js`)}
      Object.assign(globalThis, { LLM, options: { model: ${JSON.stringify(model)}, max_model_len: 256, dtype: 'float32' } })`,
  })
  await page.waitForFunction(() => globalThis.LLM !== undefined)
  const close = async (): Promise<void> => {
    await browser.close()
    await server.close()
  }
  return { page, browser, server, library, model, images, complaints, close }
}

/** Runs a function in the page that is expected to throw, and gives the error as 'Name: message', or what it returned. */
export async function thrownIn<A>(page: Page, work: (argument: A) => Promise<unknown>, argument: A): Promise<string> {
  try {
    const run = page.evaluate.bind(page) as unknown as (f: typeof work, a: A) => Promise<unknown>
    return `nothing: ${JSON.stringify(await run(work, argument))}`
  } catch (error) {
    return (error as Error).message.replace(/^page\.evaluate: /, '').replace(/\n {4}at [\s\S]*/, '')
  }
}
