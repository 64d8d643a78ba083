import { chromium, type Page } from 'playwright'
import { launchOptions } from '../../../cli/chromium.ts'
import type { PageOutcome } from './page/page-door.ts'

/** One page's work in a browser of its own. */
export interface PageRun {
  /** URL of the page's script. */
  readonly script: string
  /** URL of an empty page, on the script's origin. */
  readonly page: string
  /** What the script's measureHere gets. */
  readonly work: unknown
  readonly software: boolean
  /** Milliseconds that all of it may take. */
  readonly limit: number
  /** Files that the page finds in its one file input. */
  readonly files?: readonly string[]
  /** Gets the page's console, a line at a time. */
  readonly log?: ((line: string) => void) | undefined
}

/** The page that scripts run in. */
export const PEER_PAGE = Buffer.from(
  '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>bench</title><input type="file">',
)

/** Runs a page's work in a fresh browser, so that nothing is inherited from another. Errors: what the page says; a time limit; a crash. */
export async function runPage<T>({ script, page: address, work, software, limit, files = [], log }: PageRun): Promise<T> {
  const browser = await chromium.launch(launchOptions({ software }))
  let timer: NodeJS.Timeout | undefined
  try {
    const page = await browser.newPage()
    if (log) page.on('console', (line) => log(line.text()))
    const tooLong = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no result within ${Math.round(limit / 1000)} s`)), limit)
      page.on('crash', () => reject(new Error('the page crashed; it may be short of memory')))
      browser.on('disconnected', () => reject(new Error('Chromium ended; it may be short of memory')))
    })
    return await Promise.race([inPage<T>(page, address, script, work, files), tooLong])
  } finally {
    clearTimeout(timer)
    await browser.close().catch(() => {})
  }
}

async function inPage<T>(page: Page, address: string, script: string, work: unknown, files: readonly string[]): Promise<T> {
  await page.goto(address)
  if (files.length > 0) await page.setInputFiles('input', [...files])
  // As text: a function would be whatever a bundler has made of its import().
  const asked = `import(${JSON.stringify(script)}).then(() => globalThis.ocellusMeasure(${JSON.stringify(work)}))`
  const outcome = await page.evaluate<PageOutcome<T>>(asked)
  const { value, error } = outcome as Partial<{ value: T; error: string }>
  if (error !== undefined) throw new Error(error)
  return value as T
}
