import { modelLoadError } from '../util/errors.ts'
import { type Exchange, get, startRetries, TransientFailure, type Transport } from './http-transport.ts'
import { checkRange, collect, fileChangedError, isFileChanged, type SourceFile } from './model-source.ts'

/** What is known of a file before its bytes. */
export interface HttpFileFacts {
  readonly size: number
  readonly version: string | undefined
  readonly ranged: boolean
}

/** `bytes 0-99/200`, `bytes 0-99/*` or `bytes *\/200`; undefined if it is none of them. `end` is exclusive. */
export function parseContentRange(header: string): { begin?: number; end?: number; size?: number } | undefined {
  const match = /^bytes\s+(?:(\d+)-(\d+)|\*)\/(\d+|\*)$/i.exec(header.trim())
  if (!match) return undefined
  const [, first, last, size] = match
  return {
    ...(first !== undefined && { begin: Number(first), end: Number(last) + 1 }),
    ...(size !== undefined && size !== '*' && { size: Number(size) }),
  }
}

/** How to ask for a file. */
export interface FilePlace {
  readonly path: string
  url(): string
  readonly headers: Record<string, string>
  /** What a 4xx means: the file is not there, or an error to show. */
  refusal(response: Response): 'missing' | Error
}

/** A file read by range requests, resumed where a connection broke. `onChange` is told when the server's file is a new one. */
export function httpFile(transport: Transport, place: FilePlace, facts: HttpFileFacts, onChange: () => void): SourceFile {
  const { path } = place

  async function* stream(begin: number, end: number, caller?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    checkRange({ name: path, size: facts.size }, begin, end)
    const signal = anySignal(caller, transport.signal)
    const retries = startRetries(transport, path, signal, transport.tries)
    let at = begin
    while (at < end) {
      try {
        const condition = at > begin ? resumeCondition(place.url(), facts.version) : {}
        const headers = { ...place.headers, range: `bytes=${at}-${end - 1}`, ...condition }
        const exchange = await get(transport, place.url(), headers, signal)
        try {
          const { response } = exchange
          if (response.status >= 400 && response.status !== 416) checkRefusal(place, response)
          const answer = checkAnswer(path, response, facts, { at, end, conditional: 'if-range' in condition })
          for await (const piece of within(path, exchange, answer, at, Math.min(end, answer.end))) {
            at += piece.length
            retries.received(piece.length)
            yield piece
          }
        } finally {
          exchange.close()
        }
      } catch (error) {
        if (isFileChanged(error)) onChange()
        await retries.failed(error, ` (wanted bytes ${begin} to ${end - 1}, got ${at - begin} of ${end - begin} bytes)`)
      }
    }
  }

  return { name: path, ...facts, stream, read: (begin, end, signal) => collect(stream(begin, end, signal), end - begin) }
}

function checkRefusal(place: FilePlace, response: Response): void {
  const refusal = place.refusal(response)
  if (refusal !== 'missing') throw refusal
}

/** If-Range makes a cross-origin request ask for permission first, which few servers give; there the ETag of the answer must do. */
function resumeCondition(url: string, version: string | undefined): { 'if-range'?: string } {
  const page = (globalThis as { location?: { origin: string } }).location
  const foreign = page !== undefined && new URL(url).origin !== page.origin
  return version !== undefined && !version.startsWith('W/') && !foreign ? { 'if-range': version } : {}
}

/** What was asked for: bytes [at, end), on condition (If-Range) that the file is still the same. */
interface Wanted {
  readonly at: number
  readonly end: number
  readonly conditional: boolean
}

/** What the body of an answer holds: bytes [begin, end) of the file. */
interface Answer {
  readonly begin: number
  readonly end: number
}

/** Finds out what the server sent. Throws what is wrong with it. */
function checkAnswer(path: string, { headers, status }: Response, facts: HttpFileFacts, { at, end, conditional }: Wanted): Answer {
  const wrong = (got: string) => modelLoadError(`${path}: wanted bytes ${at} to ${end - 1} of ${facts.size}, got ${got}.`)
  if (status !== 200 && status !== 206) throw wrong(`status ${status} (was the file removed or replaced?)`)
  const version = headers.get('etag') ?? headers.get('last-modified') ?? undefined
  // A whole file in answer to If-Range is a new file, even if it does not say which.
  const said = version !== undefined || (status === 200 && conditional)
  if (said && facts.version !== undefined && version !== facts.version) throw fileChangedError(path, facts.version, version ?? 'unknown')
  const encoding = headers.get('content-encoding') ?? 'identity'
  if (encoding !== 'identity') throw wrong(`content-encoding ${encoding}; serve the file uncompressed`)
  if (status === 200) {
    const length = headers.get('content-length')
    if (length !== null && Number(length) !== facts.size) throw wrong(`a whole file of ${length} bytes`)
    return { begin: 0, end: facts.size }
  }
  const header = headers.get('content-range')
  const { begin, end: last, size = facts.size } = (header === null ? undefined : parseContentRange(header)) ?? {}
  if (begin !== at || last === undefined || last <= at || last > end || size !== facts.size) {
    throw wrong(`content-range ${header === null ? 'none' : `'${header}'`}`)
  }
  return { begin, end: last }
}

/** The pieces of the body that lie in [from, to), after checking that it is as long as announced. */
async function* within(
  path: string,
  exchange: Exchange,
  answer: Answer,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = answer.begin
  for await (const piece of exchange.chunks()) {
    const next = at + piece.length
    if (next > answer.end) {
      throw modelLoadError(
        `${path}: wanted bytes ${answer.begin} to ${answer.end - 1}, got more than those ${answer.end - answer.begin} bytes.`,
      )
    }
    const part = piece.subarray(Math.max(from - at, 0), Math.max(Math.min(piece.length, to - at), 0))
    at = next
    if (part.length > 0) yield part
    if (at >= to && to < answer.end) return
  }
  if (at < answer.end) throw new TransientFailure(`the answer ended after ${at - answer.begin} of ${answer.end - answer.begin} bytes`)
}

function anySignal(a: AbortSignal | undefined, b: AbortSignal | undefined): AbortSignal | undefined {
  return a && b ? AbortSignal.any([a, b]) : (a ?? b)
}
