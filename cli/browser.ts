import { existsSync } from 'node:fs'
import { type BrowserContext, chromium } from 'playwright'
import { type ChromiumFound, findChromium, hasGpu, installChromium, launchOptions } from './chromium.ts'
import { type Profile, takeProfile } from './profile.ts'
import { UsageError } from './usage.ts'

/** A Chromium of our own with a profile that lasts. */
export interface OurBrowser {
  readonly context: BrowserContext
  /** Whether the CPU plays GPU. */
  readonly software: boolean
  close(): Promise<void>
}

export interface BrowserOptions {
  chromium?: string | undefined
  headed?: boolean | undefined
  /** Default: the first that is free. It is released with the browser. */
  profile?: Profile | undefined
  /** Ends the browser, and with it what waits for it. */
  signal?: AbortSignal | undefined
  /** For what the user should know, a line at a time. */
  log: (line: string) => void
}

/** The Chromium that was named, or that is on this machine, or that is installed now. Errors: UsageError. */
export async function chooseChromium({ chromium: path, log }: BrowserOptions): Promise<ChromiumFound> {
  if (path !== undefined) {
    if (existsSync(path)) return { path, source: 'CHROMIUM' }
    throw new UsageError(`--chromium is ${path}, which does not exist; name a Chromium executable.`)
  }
  const found = findChromium()
  if (found) return found
  log('There is no Chromium on this machine; installing one (once).')
  return installChromium(log)
}

/**
 * The page's origin: the same in every run, whatever port our server has, because Chromium keeps what a page stores by origin. It counts
 * as secure, as every name under localhost.
 */
export const PAGE_ORIGIN = 'http://ocellus.localhost'

/**
 * Starts Chromium with PAGE_ORIGIN leading to `port` of this machine, and gives what `work` makes of it: on the GPU where there is one, else,
 * or where Chromium gives no adapter for it, in software. The browser is closed if `work` fails. Errors: those of `work`.
 */
export async function withBrowser<T>(options: BrowserOptions, port: number, work: (browser: OurBrowser) => Promise<T>): Promise<T> {
  const found = await chooseChromium(options)
  const start = async (software: boolean): Promise<T> => {
    const browser = await launch(found, software, options, port)
    const end = (): void => void browser.close()
    options.signal?.addEventListener('abort', end)
    try {
      options.signal?.throwIfAborted()
      return await work(browser)
    } catch (error) {
      await browser.close()
      throw error
    } finally {
      options.signal?.removeEventListener('abort', end)
    }
  }
  if (!hasGpu()) return start(true)
  try {
    return await start(false)
  } catch (error) {
    if ((error as Error).name !== 'WebGPUUnavailableError') throw error
    options.log('This machine has a GPU, but Chromium gives no WebGPU adapter for it; trying the software adapter.')
    return start(true)
  }
}

async function launch(found: ChromiumFound, software: boolean, options: BrowserOptions, port: number): Promise<OurBrowser> {
  const { headed, profile = takeProfile(found.path) } = options
  try {
    const context = await openContext(found, software, headed, port, profile)
    let closing: Promise<void> | undefined
    const close = async (): Promise<void> => {
      // Fails where Chromium has ended already.
      await context.close().catch(() => {})
      profile.release()
    }
    return { context, software, close: () => (closing ??= close()) }
  } catch (error) {
    profile.release()
    const reason = (error as Error).message.split('\n')[0]
    throw new Error(`Chromium (${found.path}) does not start: ${reason} Try another with --chromium PATH.`)
  }
}

async function openContext(
  found: ChromiumFound,
  software: boolean,
  headed: boolean | undefined,
  port: number,
  { folder }: Profile,
): Promise<BrowserContext> {
  const { args = [], ...rest } = launchOptions({ found, software })
  const rule = `--host-resolver-rules=MAP ${new URL(PAGE_ORIGIN).hostname}:80 127.0.0.1:${port}`
  return chromium.launchPersistentContext(folder, {
    ...rest,
    args: [...args, rule],
    headless: !headed,
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  })
}
