// These functions run in the page: each is sent there as text, so it may use nothing from outside its own braces but types.
import type { Outcome, PageGlobals } from './page-engine.ts'

/** A request for the page's router. */
export interface PageFetch {
  id: number
  method: string
  /** Path and query. */
  path: string
  headers: Record<string, string>
  /** A short body as text, a long one as an address to read it from. */
  body: { text: string } | { url: string } | null
}

/**
 * Has the page's router answer a request: its status and headers, then its text, go back to Node piece by piece. While Node has not taken a
 * piece, what comes is put together into the next, and past 64 kB nothing more is read: the router sees a reader that waits. Resolves at the
 * end of the answer, or once the request was aborted.
 */
export async function fetchInPage({ id, method, path, headers, body }: PageFetch): Promise<Outcome<null>> {
  const page = globalThis as unknown as Required<PageGlobals>
  const abort = new AbortController()
  page.ocellusAborts.set(id, abort)
  try {
    const content = body && ('text' in body ? body.text : await (await fetch(body.url, { signal: abort.signal })).blob())
    const response = await page.ocellus.fetch(location.origin + path, { method, headers, body: content, signal: abort.signal })
    await page.ocellusHead(id, response.status, Object.fromEntries(response.headers))
    const decoder = new TextDecoder()
    const reader = response.body?.getReader()
    // The router is told that nobody reads any longer, whichever of the two it watches.
    abort.signal.addEventListener('abort', () => void reader?.cancel().catch(() => {}))
    let waiting = ''
    let sending: Promise<void> | undefined
    const send = async (): Promise<void> => {
      while (waiting) {
        const text = waiting
        waiting = ''
        await page.ocellusPiece(id, text)
      }
      sending = undefined
    }
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
      waiting += decoder.decode(next.value, { stream: true })
      sending ??= send()
      if (waiting.length > 65536) await sending
    }
    await sending
    return { value: null }
  } catch (error) {
    if (abort.signal.aborted) return { value: null }
    const { name, message } = error as Error
    return { error: { name, message } }
  } finally {
    page.ocellusAborts.delete(id)
  }
}

/** Ends a request whose client has gone. */
export async function abortInPage(id: number): Promise<Outcome<null>> {
  ;(globalThis as unknown as Required<PageGlobals>).ocellusAborts.get(id)?.abort()
  return { value: null }
}
