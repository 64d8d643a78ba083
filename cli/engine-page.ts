import type { Page } from 'playwright'
import type { LLMOptions, ModelInfo, ProgressEvent } from '../src/index.ts'
import type { OurBrowser } from './browser.ts'
import type { FileServer } from './file-server.ts'
import { engineGone } from './named-errors.ts'
import { loadInPage, type Outcome } from './page/page-engine.ts'
import { abortInPage, fetchInPage } from './page/page-fetch.ts'
import { PageLife } from './page-life.ts'

/** A request for the page's router, as HTTP has it. */
export interface RoutedRequest {
  method: string
  /** Path and query. */
  path: string
  headers: Record<string, string>
  body: string | null
}

/** Where an answer goes. */
export interface AnswerSink {
  head(status: number, headers: Record<string, string>): void
  /** Resolves when the next piece may come. */
  write(text: string): Promise<void> | void
}

/** One engine in one page. */
export interface EnginePage {
  readonly info: ModelInfo
  /** Never resolves; rejects with EngineGoneError when page, browser or engine end by themselves. */
  readonly gone: Promise<never>
  /** Runs a function in the page. Errors: by name as the library gives them; EngineGoneError. */
  call<A, T>(work: (argument: A) => Promise<Outcome<T>>, argument: A): Promise<T>
  /** Has the page's router answer; resolves at the end of the answer or of the signal. Errors: EngineGoneError. */
  answer(request: RoutedRequest, sink: AnswerSink, signal?: AbortSignal): Promise<void>
  /** Where the text of streamed requests goes, by request id. */
  readonly listeners: Map<number, (text: string) => void>
}

export interface EnginePageOptions {
  browser: OurBrowser
  server: FileServer
  /** URL of index.js. */
  library: string
  /** What LLM.create gets; its model is an address that the page can read. */
  options: Omit<LLMOptions, 'signal' | 'worker'>
  /** What the user calls the model. */
  name: string
  onProgress: ((event: ProgressEvent) => void) | undefined
  log: (line: string) => void
  /** Sees the page before the model is loaded in it. */
  onPage?: ((page: Page) => Promise<void>) | undefined
}

/** Bodies up to this many characters are handed to the page with the request. */
const SHORT_BODY = 16_384

/** How long the router of a page whose engine has ended may take to say so in its answers, in milliseconds. */
const ROUTER_PATIENCE = 500

/** Opens a page and loads the model in it. Errors: the library's, by name. */
export async function openEnginePage(given: EnginePageOptions): Promise<EnginePage> {
  const { browser, server, library, options, name, onProgress, log, onPage } = given
  const page = await browser.context.newPage()
  const life = watch(browser, page, log)
  const { gone } = life
  const listeners = new Map<number, (text: string) => void>()
  const sinks = new Map<number, AnswerSink>()
  // The page knows the model by an address that means nothing to the user.
  const nameInJson = JSON.stringify(name).slice(1, -1)
  const readable = (text: string): string =>
    text.includes(String(options.model)) ? text.replaceAll(String(options.model), () => nameInJson) : text
  await page.exposeFunction('ocellusText', (id: number, text: string) => listeners.get(id)?.(text))
  await page.exposeFunction('ocellusProgress', (event: ProgressEvent) => onProgress?.(event))
  // The page still lives: its router ends the answers under way by itself, and better.
  const failSoon = (what: string): void => void setTimeout(() => life.end(engineGone(what)), ROUTER_PATIENCE).unref()
  await page.exposeFunction('ocellusGone', failSoon)
  await page.exposeFunction('ocellusHead', (id: number, status: number, headers: Record<string, string>) =>
    sinks.get(id)?.head(status, headers),
  )
  await page.exposeFunction('ocellusPiece', (id: number, text: string) => {
    // Whoever asks first is told of it; in texts of the model the quotes would be escaped.
    if (text.includes('"code":"device_lost"')) failSoon('The GPU device was lost.')
    return sinks.get(id)?.write(readable(text))
  })
  await page.goto(server.page)
  const rename = (text: string): string => text.replaceAll(String(options.model), name).replaceAll(server.page, '')
  const call: EnginePage['call'] = async (work, argument) => {
    // The cast: Playwright's type for what can be sent to a page does not accept type parameters.
    const evaluate = page.evaluate.bind(page) as unknown as (f: typeof work, a: typeof argument) => ReturnType<typeof work>
    // When the page ends, both fail; that it has ended says more.
    const outcome = await life.orEnd(evaluate(work, argument).catch((error) => (page.isClosed() ? gone : Promise.reject(error))))
    if ('value' in outcome) return outcome.value
    throw Object.assign(new Error(rename(outcome.error.message)), { name: outcome.error.name })
  }
  let count = 0
  const answer: EnginePage['answer'] = async ({ body, ...request }, sink, signal) => {
    if (signal?.aborted) return
    const id = count++
    const url = body !== null && body.length > SHORT_BODY ? server.publish(Buffer.from(body)) : undefined
    const abort = (): void => void call(abortInPage, id).catch(() => {})
    signal?.addEventListener('abort', abort, { once: true })
    sinks.set(id, sink)
    try {
      await call(fetchInPage, { ...request, id, body: url ? { url } : body === null ? null : { text: body } })
    } finally {
      signal?.removeEventListener('abort', abort)
      sinks.delete(id)
      if (url) server.withdraw(url)
    }
  }
  await onPage?.(page)
  const info = await call(loadInPage, { library, options })
  return { info: { ...info, model: name }, gone, call, answer, listeners }
}

/** Sees when the page or the browser ends by itself. */
function watch(browser: OurBrowser, page: Page, log: (line: string) => void): PageLife {
  const life = new PageLife()
  const end = (what: string): void => life.end(engineGone(what))
  page.on('crash', () => end("Chromium's page crashed; it may be short of memory."))
  page.on('close', () => end("Chromium's page was closed."))
  browser.context.on('close', () => end('Chromium ended; it may be short of memory.'))
  page.on('pageerror', (error) => log(`page: ${error.message}`))
  if (process.env['OCELLUS_DEBUG']) page.on('console', (line) => log(`page: ${line.text()}`))
  return life
}
