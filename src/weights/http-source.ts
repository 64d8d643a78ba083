import { modelLoadError } from '../util/errors.ts'
import { type HttpFileFacts, httpFile, parseContentRange } from './http-file.ts'
import { type Exchange, get, startRetries, type Transport } from './http-transport.ts'
import { checkPath, decodeText, type ModelSource, missingFileError, parseJson, textCap, tooLargeError } from './model-source.ts'

/** What a folder reached by HTTP knows beyond HTTP. */
export interface HttpFolder {
  readonly name: string
  readonly place: string
  readonly commit?: () => string | undefined
  /** What SourceFile.identity says, where the folder knows more than HTTP. */
  identityOf?(path: string, facts: HttpFileFacts): string | undefined
  urlOf(path: string): string
  readonly headers: Record<string, string>
  /** Sees every answer that is not a refusal. */
  onAnswer(response: Response): void
  /** What a 4xx means: the file is not there, or an error to show. */
  refusal(path: string, response: Response): 'missing' | Error
}

/** A file as its first byte's answer describes it. `problem`: why it cannot be read by pieces, though it exists. */
interface Probe {
  readonly facts: HttpFileFacts | undefined
  readonly problem: Error | undefined
}

/** Tries beyond the first for a server that has never answered: most likely its address is wrong. */
const FIRST_CONTACT_TRIES = 2

/** The folder's files, by GET requests only (a HEAD answer may lack lengths). Each file is probed once. */
export function httpSource(folder: HttpFolder, transport: Transport): ModelSource {
  const request = requester(folder, transport)
  const probes = new Map<string, Promise<Probe | undefined>>()

  function probe(path: string): Promise<Probe | undefined> {
    const known = probes.get(path)
    if (known) return known
    const found = request(path, { range: 'bytes=0-0' }, async ({ response }) => readProbe(path, response))
    probes.set(path, found)
    found.catch(() => probes.delete(path))
    return found
  }

  async function text(path: string): Promise<string> {
    const body = await request(path, {}, (exchange) => readCapped(path, exchange))
    if (body === undefined) throw missingFileError(folder.name, path)
    return body
  }

  return {
    name: folder.name,
    place: folder.place,
    commit: folder.commit,
    exists: async (path) => (await probe(path)) !== undefined,
    text,
    json: async (path) => parseJson(path, await text(path)),
    async open(path) {
      const probed = await probe(path)
      if (!probed) throw missingFileError(folder.name, path)
      if (!probed.facts) throw probed.problem
      const place = {
        path,
        headers: folder.headers,
        url: () => folder.urlOf(path),
        refusal: (response: Response) => folder.refusal(path, response),
      }
      const file = httpFile(transport, place, probed.facts, () => probes.delete(path))
      return { ...file, identity: folder.identityOf?.(path, probed.facts) }
    },
  }
}

/** One answered GET, with retries. Undefined: the file is missing. */
type Request = <T>(path: string, headers: Record<string, string>, use: (exchange: Exchange) => Promise<T>) => Promise<T | undefined>

function requester(folder: HttpFolder, transport: Transport): Request {
  const { signal } = transport
  let contacted = false
  return async (path, headers, use) => {
    checkPath(path)
    const retries = startRetries(transport, path, signal, transport.tries ?? (contacted ? undefined : FIRST_CONTACT_TRIES))
    for (;;) {
      try {
        const exchange = await get(transport, folder.urlOf(path), { ...folder.headers, ...headers }, signal)
        contacted = true
        try {
          if (isMissing(folder, path, exchange.response, 'range' in headers)) return undefined
          folder.onAnswer(exchange.response)
          return await use(exchange)
        } finally {
          exchange.close()
        }
      } catch (error) {
        await retries.failed(error)
      }
    }
  }
}

function isMissing(folder: HttpFolder, path: string, response: Response, ranged: boolean): boolean {
  // An empty file has no first byte.
  if (ranged && response.status === 416) return false
  if (!response.ok) {
    const refusal = folder.refusal(path, response)
    if (refusal === 'missing') return true
    throw refusal
  }
  // Development servers answer what they do not have with the app's page.
  return /^text\/html\b/i.test(response.headers.get('content-type') ?? '') && !/\.html?$/.test(path)
}

function readProbe(path: string, response: Response): Probe {
  const { headers, status } = response
  const version = headers.get('etag') ?? headers.get('last-modified') ?? undefined
  const found = (size: number, ranged: boolean): Probe => ({ facts: { size, ranged, version }, problem: undefined })
  const broken = (why: string): Probe => ({ facts: undefined, problem: modelLoadError(`${path} cannot be read by pieces: ${why}`) })
  const encoding = headers.get('content-encoding') ?? 'identity'
  if (encoding !== 'identity')
    return broken(`the server sends it with content-encoding ${encoding}, which hides its size; serve it uncompressed.`)
  if (status === 200) {
    const length = headers.get('content-length')
    if (length === null) return broken('the server knows no range requests and does not tell its size (no content-length header).')
    return found(Number(length), false)
  }
  const header = headers.get('content-range')
  if (header === null) {
    return broken(
      `the server answered ${status} without a content-range header that this page may see. For another origin, it must send ` +
        "'Access-Control-Expose-Headers: Content-Range, ETag'.",
    )
  }
  const range = parseContentRange(header)
  if (range?.size === undefined || (status === 416 ? range.size !== 0 : range.begin !== 0)) {
    return broken(`wanted byte 0, got status ${status} with content-range '${header}'.`)
  }
  return found(range.size, true)
}

async function readCapped(path: string, exchange: Exchange): Promise<string> {
  const cap = textCap(path)
  const length = Number(exchange.response.headers.get('content-length') ?? 0)
  if (length > cap) throw tooLargeError(path, length)
  const pieces: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  for await (const piece of exchange.chunks()) {
    size += piece.length
    if (size > cap) throw tooLargeError(path)
    pieces.push(piece as Uint8Array<ArrayBuffer>)
  }
  return decodeText(path, new Uint8Array(await new Blob(pieces).arrayBuffer()))
}
