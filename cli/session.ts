import { statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { LLMOptions, ProgressEvent } from '../src/index.ts'
import { type BrowserOptions, type OurBrowser, PAGE_ORIGIN, withBrowser } from './browser.ts'
import { type EnginePage, type EnginePageOptions, openEnginePage } from './engine-page.ts'
import { type FileServer, type MadeFile, startFileServer } from './file-server.ts'
import { UsageError } from './usage.ts'

/** The model that is taken where none is named, and that for sounds; they come with the package. */
export const EMBEDDED_MODEL = 'ocellus-tiny-vl'
export const EMBEDDED_AUDIO_MODEL = 'ocellus-tiny-audio'

/** All models that come with the package, by name. */
const EMBEDDED_MODELS = [EMBEDDED_MODEL, EMBEDDED_AUDIO_MODEL, 'ocellus-tiny-embed']

/** What a session is started with. */
export interface SessionOptions extends BrowserOptions {
  /** Hub id, URL, local folder, or an embedded model's name. */
  model: string
  /** Made files that are the model, by their paths; `model` is then its name only. */
  files?: ReadonlyMap<string, MadeFile>
  engine: Omit<LLMOptions, 'model' | 'signal' | 'worker' | 'onProgress'>
  /** Engines, each in a page of its own. Default 1. */
  workers?: number
  onProgress?: (event: ProgressEvent) => void
  /** Sees each page before the model is loaded in it. */
  onPage?: EnginePageOptions['onPage']
}

/** A model loaded in a page of a Chromium of our own; calls and answers are the first page's. */
export interface Session extends EnginePage {
  readonly server: FileServer
  /** Milliseconds that loading took, browser start not counted. */
  readonly loadTime: number
  /** All pages, the first included. */
  readonly workers: readonly EnginePage[]
  close(): Promise<void>
}

/** Starts Chromium (installing one where there is none) and loads the model. Errors: the library's, by name. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const server = await startFileServer(PAGE_ORIGIN)
  try {
    const model = options.files ? server.mount(options.files) : modelUrl(options.model, server)
    const library = `${server.mount(import.meta.dirname)}index.js`
    return await withBrowser(options, server.port, (browser) => loadPages({ options, server, browser, library, model }))
  } catch (error) {
    await server.close()
    throw error
  }
}

/** Local folders get a URL; Hub ids and URLs stay. Errors: UsageError for a path that is no folder. */
function modelUrl(model: string, server: FileServer): string {
  if (EMBEDDED_MODELS.includes(model)) return server.mount(join(import.meta.dirname, '../public/models', model))
  if (/^https?:/i.test(model)) return model
  const folder = resolve(model.replace(/^~(?=\/|$)/, homedir()))
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return server.mount(folder)
  if (/^[.~/\\]/.test(model)) throw new UsageError(`--model is ${model}, and there is no such folder.`)
  return model
}

interface Place {
  options: SessionOptions
  server: FileServer
  browser: OurBrowser
  library: string
  model: string
}

async function loadPages({ options, server, browser, library, model }: Place): Promise<Session> {
  const { onProgress, onPage, log, model: name, workers: count = 1 } = options
  // What is kept of a local folder is found by its files; its address is another one in every run.
  const engine =
    model.startsWith(PAGE_ORIGIN) && options.engine.cache !== false ? { ...options.engine, cache: 'weights' as const } : options.engine
  const before = performance.now()
  const open = (): Promise<EnginePage> =>
    openEnginePage({ browser, server, library, options: { ...engine, model }, name, onProgress, log, onPage })
  const first = await open()
  const loadTime = performance.now() - before
  const workers = [first]
  // One after the other: the first has put the weights into Chromium's cache for the rest.
  while (workers.length < count) workers.push(await open())
  const gone = Promise.race(workers.map((each) => each.gone))
  gone.catch(() => {})
  const close = async (): Promise<void> => {
    await browser.close()
    await server.close()
  }
  return { ...first, server, loadTime, workers, gone, close }
}
