import { modelLoadError } from '../util/errors.ts'

/**
 * Starts the engine's worker. Without `url` it is the file beside this one, wherever a bundler has put it; a worker file from another
 * origin, such as a CDN, is started through a page of our own that imports it.
 */
export function makeWorker(url?: string | URL): Worker {
  if (url !== undefined) return startWorker(new URL(url, pageUrl()))
  try {
    return new Worker(new URL('../worker/engine.worker.ts', import.meta.url), { type: 'module' })
  } catch (error) {
    const script = new URL(import.meta.url)
    if (script.origin === location.origin) throw error
    // Not spelled as above: bundlers would take it for a second worker. Only the package's own files get here, unbundled.
    return startWorker(new URL('worker.js', script))
  }
}

/** What relative URLs of the caller are relative to. */
export const pageUrl = (): string => globalThis.document?.baseURI ?? location.href

function startWorker(url: URL): Worker {
  if (url.origin === location.origin || url.protocol === 'blob:') return new Worker(url, { type: 'module' })
  const source = URL.createObjectURL(new Blob([`import ${JSON.stringify(url.href)}`], { type: 'text/javascript' }))
  try {
    return new Worker(source, { type: 'module' })
  } catch (error) {
    throw modelLoadError(
      `The engine's worker ${url.href} cannot be started; allow worker-src blob: in the page's content security policy.`,
      error,
    )
  }
}
