import { abortError, invalidRequestError, mediaError, messageOf, withCode } from './errors.ts'
import { joinBytes } from './join-bytes.ts'

/** Limits of a fetch. */
export interface FetchMediaOptions {
  /** How errors call the item. Default 'The picture'. */
  name?: string
  /** Milliseconds from the call to the last byte. Default 5000. */
  timeout?: number
  /** Largest body in bytes. Default 25 MB. */
  maxBytes?: number
  /** Hosts that http and https addresses may name, exactly; redirects are refused then. Default: any. */
  hosts?: readonly string[] | undefined
  signal?: AbortSignal | undefined
}

const MEGABYTE = 1_000_000

/**
 * The bytes behind an http, https, data or blob address, fetched without cookies or referrer. The limits hold while the body streams in:
 * nothing larger is ever buffered, and a slow drip ends with the time. Content types are not asked.
 * Errors: MediaError with a code for other schemes, refusals (CORS), statuses, time and size; InvalidRequestError for a host that is not
 * among `hosts`; AbortError.
 */
export async function fetchMedia(url: string, options: FetchMediaOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const { name = 'The picture', timeout = 5000, maxBytes = 25 * MEGABYTE, hosts, signal } = options
  if (signal?.aborted) throw abortError()
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  if (scheme === 'data') return decodeDataUrl(url, { name, maxBytes })
  if (scheme !== 'http' && scheme !== 'https' && scheme !== 'blob')
    throw withCode(mediaError(refusedScheme(name, url, scheme)), 'unsupported_url_scheme')
  const web = scheme !== 'blob'
  if (web && hosts) checkHost(name, url, hosts)
  const limit = AbortSignal.timeout(timeout)
  try {
    const response = await fetch(url, {
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      ...(web && { credentials: 'omit', referrerPolicy: 'no-referrer' }),
      // Where a redirect leads cannot be seen before it has been followed.
      ...(web && hosts && { redirect: 'error' }),
    })
    if (!response.ok) {
      await response.body?.cancel()
      const answered = `${name} at ${shortUrl(url)}: the host answered ${response.status} ${response.statusText}`.trimEnd()
      throw withCode(mediaError(`${answered}.`), 'media_fetch_failed')
    }
    return await readCapped(response, maxBytes, () => tooLarge(name, url, maxBytes))
  } catch (error) {
    if (signal?.aborted) throw abortError()
    if (error instanceof Error && error.name === 'MediaError') throw error
    if (limit.aborted) {
      const late = `${name} at ${shortUrl(url)} did not arrive within ${timeout / 1000} s`
      throw withCode(mediaError(`${late}; host it elsewhere, hand it in as a Blob, or raise media_fetch_timeout.`), 'media_timeout')
    }
    throw withCode(mediaError(unreachable(name, url, scheme, messageOf(error), hosts !== undefined), error), 'media_fetch_failed')
  }
}

/** An address as errors show it: data shortened, the rest cut at 120 characters. */
export function shortUrl(url: string): string {
  if (/^data:/i.test(url)) return `${url.slice(0, Math.min(40, url.indexOf(',') + 1 || 40))}… (${url.length} characters)`
  return url.length > 120 ? `${url.slice(0, 120)}…` : url
}

async function readCapped(response: Response, maxBytes: number, tooLong: () => Error): Promise<Uint8Array<ArrayBuffer>> {
  // Absent or wrong for compressed bodies: only a first hint.
  const announced = Number(response.headers.get('content-length') ?? 0)
  if (announced > maxBytes) {
    await response.body?.cancel()
    throw tooLong()
  }
  const reader = response.body?.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  while (reader) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > maxBytes) {
      await reader.cancel()
      throw tooLong()
    }
    chunks.push(value)
  }
  return joinBytes(chunks, length)
}

/** The bytes of a data URL, base64 or percent-encoded. Not by fetch(), which a page's content security policy may forbid. */
function decodeDataUrl(url: string, { name, maxBytes }: { name: string; maxBytes: number }): Uint8Array<ArrayBuffer> {
  const comma = url.indexOf(',')
  if (comma < 0) throw mediaError(`${name} is a data URL without a comma: ${shortUrl(url)}; the form is data:image/png;base64,….`)
  const base64 = /;\s*base64\s*$/i.test(url.slice(0, comma))
  const length = url.length - comma - 1
  // A first look, before anything is decoded: padding stands for up to two bytes less, and percent signs make three characters of one.
  if ((base64 ? length * 0.75 - 2 : length / 3) > maxBytes) throw tooLarge(name, url, maxBytes)
  const body = url.slice(comma + 1)
  const bytes = base64 ? decodeBase64(body, name, url) : percentDecode(body)
  if (bytes.length > maxBytes) throw tooLarge(name, url, maxBytes)
  return bytes
}

function decodeBase64(body: string, name: string, url: string): Uint8Array<ArrayBuffer> {
  try {
    const binary = atob(body.includes('%') ? decodeURIComponent(body) : body)
    return Uint8Array.from(binary, (character) => character.charCodeAt(0))
  } catch (error) {
    throw mediaError(`${name} is a data URL whose base64 is damaged: ${shortUrl(url)}.`, error)
  }
}

function percentDecode(text: string): Uint8Array<ArrayBuffer> {
  const raw = new TextEncoder().encode(text)
  const bytes = new Uint8Array(raw.length)
  let length = 0
  for (let i = 0; i < raw.length; i++) {
    const code = raw[i] === 0x25 ? /^%[0-9a-f]{2}$/i.exec(String.fromCharCode(...raw.subarray(i, i + 3)))?.[0] : undefined
    bytes[length++] = code ? Number.parseInt(code.slice(1), 16) : raw[i]!
    if (code) i += 2
  }
  return bytes.slice(0, length)
}

/** Errors: InvalidRequestError for a host that is not among those allowed. */
function checkHost(name: string, url: string, hosts: readonly string[]): void {
  const host = URL.canParse(url) ? new URL(url).hostname : ''
  if (hosts.includes(host)) return
  throw invalidRequestError(
    `${name} at ${shortUrl(url)} is on the host ${JSON.stringify(host)}, which is not among allowed_media_domains (${hosts.join(', ') || 'none'}).`,
  )
}

const tooLarge = (name: string, url: string, maxBytes: number): Error =>
  withCode(
    mediaError(`${name} at ${shortUrl(url)} is larger than ${maxBytes / MEGABYTE} MB, the most that is fetched; scale it down first.`),
    'media_too_large',
  )

function refusedScheme(name: string, url: string, scheme: string | undefined): string {
  if (scheme === 'file') return `${name} is ${shortUrl(url)}, which a page cannot read; hand in the File, or serve the folder over http.`
  const found = scheme ? `has the scheme ${scheme}:` : 'is not an absolute address'
  return `${name} at ${JSON.stringify(shortUrl(url))} ${found}; allowed are http:, https:, data: and blob: URLs.`
}

function unreachable(name: string, url: string, scheme: string, reason: string, straight: boolean): string {
  if (scheme === 'blob')
    return `${name} at ${shortUrl(url)} is gone; revoke object URLs only after the request, or hand in the Blob itself.`
  const redirect = straight ? ', or it redirects, which is not followed where allowed_media_domains is set' : ''
  const cors = `The network failed, or the host does not let this page read it (it must send Access-Control-Allow-Origin)${redirect}.`
  return `${name} at ${shortUrl(url)} could not be fetched (${reason}). ${cors} A File, Blob or data: URL needs no permission.`
}
