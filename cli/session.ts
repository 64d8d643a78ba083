import { existsSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright'
import type { ModelInfo, ProgressEvent } from '../src/index.ts'
import type { EngineOptions } from '../src/protocol/engine-api.ts'
import { type ChromiumFound, findChromium, hasGpu, installChromium, launchOptions } from './chromium.ts'
import { type FileServer, startFileServer } from './file-server.ts'
import { loadInPage, type Outcome } from './page/page-engine.ts'
import { UsageError } from './usage.ts'

/** The model that comes with the package. */
export const EMBEDDED_MODEL = 'ocellus-tiny-vl'

/** What a session is started with. */
export interface SessionOptions {
  /** Hub id, URL, local folder, or the embedded model's name. */
  model: string
  engine: Omit<EngineOptions, 'model'>
  chromium?: string | undefined
  headed?: boolean | undefined
  onProgress?: (event: ProgressEvent) => void
  /** For what the user should know, a line at a time. */
  log: (line: string) => void
}

/** A model loaded in a page of a Chromium of our own. */
export interface Session {
  readonly info: ModelInfo
  readonly server: FileServer
  /** Milliseconds that loading took, browser start not counted. */
  readonly loadTime: number
  /** Runs a function in the page. Errors: by name as the library gives them; EngineGoneError when the page or browser ends first. */
  call<A, T>(work: (argument: A) => Promise<Outcome<T>>, argument: A): Promise<T>
  /** Where the text of streamed requests goes, by request id. */
  readonly listeners: Map<number, (text: string) => void>
  close(): Promise<void>
}

/** Starts Chromium (installing one where there is none) and loads the model. Errors: the library's, by name. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const found = await chooseChromium(options)
  const server = await startFileServer()
  try {
    const model = modelUrl(options.model, server)
    const library = `${server.mount(import.meta.dirname)}index.js`
    const start = (software: boolean): Promise<Session> => startPage({ options, found, server, software, library, model })
    if (!hasGpu()) return await start(true)
    try {
      return await start(false)
    } catch (error) {
      if ((error as Error).name !== 'WebGPUUnavailableError') throw error
      options.log('This machine has a GPU, but Chromium gives no WebGPU adapter for it; trying the software adapter.')
      return await start(true)
    }
  } catch (error) {
    await server.close()
    throw error
  }
}

async function chooseChromium({ chromium: path, log }: SessionOptions): Promise<ChromiumFound> {
  if (path !== undefined) {
    if (existsSync(path)) return { path, source: 'CHROMIUM' }
    throw new UsageError(`--chromium is ${path}, which does not exist; name a Chromium executable.`)
  }
  const found = findChromium()
  if (found) return found
  log('There is no Chromium on this machine; installing one (once).')
  return installChromium(log)
}

/** Local folders get a URL; Hub ids and URLs stay. Errors: UsageError for a path that is no folder. */
function modelUrl(model: string, server: FileServer): string {
  if (model === EMBEDDED_MODEL) return server.mount(join(import.meta.dirname, '../public/models', EMBEDDED_MODEL))
  if (/^https?:/i.test(model)) return model
  const folder = resolve(model.replace(/^~(?=\/|$)/, homedir()))
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return server.mount(folder)
  if (/^[.~/\\]/.test(model)) throw new UsageError(`--model is ${model}, and there is no such folder.`)
  return model
}

interface PageStart {
  options: SessionOptions
  found: ChromiumFound
  server: FileServer
  software: boolean
  library: string
  model: string
}

async function startPage({ options, found, server, software, library, model }: PageStart): Promise<Session> {
  const browser = await launch(found, software, options)
  try {
    const page = await browser.newPage()
    const gone = watch(browser, page, options.log)
    const listeners = new Map<number, (text: string) => void>()
    await page.exposeFunction('ocellusText', (id: number, text: string) => listeners.get(id)?.(text))
    await page.exposeFunction('ocellusProgress', (event: ProgressEvent) => options.onProgress?.(event))
    await page.goto(server.page)
    // The page knows the model by an address that means nothing to the user.
    const rename = (text: string): string => text.replaceAll(model, options.model).replaceAll(server.page, '')
    const call: Session['call'] = async (work, argument) => {
      // The cast: Playwright's type for what can be sent to a page does not accept type parameters.
      const evaluate = page.evaluate.bind(page) as unknown as (f: typeof work, a: typeof argument) => ReturnType<typeof work>
      const outcome = await Promise.race([evaluate(work, argument), gone])
      if ('value' in outcome) return outcome.value
      throw Object.assign(new Error(rename(outcome.error.message)), { name: outcome.error.name })
    }
    const before = performance.now()
    const info = await call(loadInPage, { library, options: { ...options.engine, model } })
    const close = async (): Promise<void> => {
      await browser.close()
      await server.close()
    }
    return { info: { ...info, model: options.model }, server, loadTime: performance.now() - before, call, listeners, close }
  } catch (error) {
    await browser.close()
    throw error
  }
}

async function launch(found: ChromiumFound, software: boolean, { headed }: SessionOptions): Promise<Browser> {
  try {
    return await chromium.launch({ ...launchOptions({ found, software }), headless: !headed, handleSIGINT: false, handleSIGTERM: false })
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0]
    throw new Error(`Chromium (${found.path}) does not start: ${reason} Try another with --chromium PATH.`)
  }
}

/** Rejects when the page or the browser ends by itself. */
function watch(browser: Browser, page: Page, log: SessionOptions['log']): Promise<never> {
  const gone = new Promise<never>((_, reject) => {
    const fail = (what: string) => (): void => {
      reject(
        Object.assign(new Error(`${what} while work was under way; it may be short of memory. Run the command again.`), {
          name: 'EngineGoneError',
        }),
      )
    }
    page.on('crash', fail("Chromium's page crashed"))
    page.on('close', fail("Chromium's page was closed"))
    browser.on('disconnected', fail('Chromium ended'))
  })
  gone.catch(() => {})
  page.on('pageerror', (error) => log(`page: ${error.message}`))
  if (process.env['OCELLUS_DEBUG']) page.on('console', (line) => log(`page: ${line.text()}`))
  return gone
}
