import { mediaError } from '../util/errors.ts'
import { type Captured, describe, tagOf } from './captured.ts'

/** A file, or where one lies, as it goes to the worker. */
export type WireFile = { kind: 'blob'; blob: Blob } | { kind: 'url'; url: string }

const tags = ['Blob', 'File', 'URL', 'String']

/** Whether captureFile takes this value. */
export const isFile = (value: unknown): value is Blob | URL | string => tags.includes(tagOf(value))

/** A file or an address, unread. Errors: MediaError for what is no address, and for object URLs that have been revoked. */
export async function captureFile(source: Blob | URL | string, at: string): Promise<Captured<WireFile>> {
  const tag = tagOf(source)
  if (tag === 'Blob' || tag === 'File') return { wire: { kind: 'blob', blob: source as Blob }, transfer: [] }
  const url = resolveUrl(String(source), at)
  if (!/^blob:/i.test(url)) return { wire: { kind: 'url', url }, transfer: [] }
  // Read at once: pages revoke object URLs as soon as a call returns, and workers of other storage partitions cannot read them.
  try {
    return { wire: { kind: 'blob', blob: await (await fetch(url)).blob() }, transfer: [] }
  } catch (error) {
    throw mediaError(`${at} at ${url} is gone; revoke object URLs only after the request, or hand in the Blob itself.`, error)
  }
}

/** Absolute as seen from the page; the worker has another base. Data URLs are not parsed: they can be megabytes. */
export function resolveUrl(url: string, at: string): string {
  if (/^\s*data:/i.test(url)) return url.trimStart()
  const { document, location } = globalThis as { document?: Document; location?: Location }
  try {
    return new URL(url, document?.baseURI ?? location?.href).href
  } catch (error) {
    throw mediaError(`${at} is ${describe(url)}, which is no address; allowed are http:, https:, data: and blob: URLs.`, error)
  }
}
