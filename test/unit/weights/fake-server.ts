import type { Transport } from '../../../src/weights/http-transport.ts'

/** A file on the server. */
export interface FakeFile {
  bytes: Uint8Array
  etag?: string | undefined
  type?: string
}

export interface FakeRequest {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** An answer before it is sent; a fault changes it. */
export interface FakeAnswer {
  status: number
  headers: Record<string, string>
  body: Uint8Array
  /** Ends the body with an error after so many bytes. */
  breakAfter?: number
  /** Never sends anything after so many bytes. */
  stallAfter?: number
}

/** Changes the answer to the n-th request (from 0), or throws in place of it. */
export type Fault = (answer: FakeAnswer, request: FakeRequest, n: number) => FakeAnswer

export interface FakeServer {
  readonly fetch: Transport['fetch']
  readonly requests: FakeRequest[]
  /** Pauses between tries, in milliseconds. */
  readonly pauses: number[]
  readonly wait: Transport['wait']
}

/** A server of files by URL path, with ranges and ETags as HTTP says. `chunk`: bytes per piece of a body. */
export function fakeServer(files: Record<string, FakeFile>, fault: Fault = (answer) => answer, chunk = 7): FakeServer {
  const requests: FakeRequest[] = []
  const pauses: number[] = []
  return {
    requests,
    pauses,
    async fetch(url, init) {
      init.signal?.throwIfAborted()
      const request = { path: decodeURIComponent(new URL(url).pathname), headers: { ...(init.headers as Record<string, string>) } }
      requests.push(request)
      const answer = fault(rightAnswer(files[request.path], request), request, requests.length - 1)
      const noBody = answer.status === 204 || answer.status === 304
      return new Response(noBody ? null : bodyOf(answer, chunk, init.signal ?? undefined), {
        status: answer.status,
        headers: answer.headers,
      })
    },
    async wait(milliseconds, signal) {
      signal?.throwIfAborted()
      pauses.push(milliseconds)
    },
  }
}

function rightAnswer(file: FakeFile | undefined, { headers }: FakeRequest): FakeAnswer {
  if (!file) return { status: 404, headers: { 'content-type': 'text/plain' }, body: new TextEncoder().encode('not here') }
  const { bytes, etag, type = 'application/octet-stream' } = file
  const common = { 'content-type': type, ...(etag !== undefined && { etag }) }
  const range = /^bytes=(\d+)-(\d+)$/.exec(headers['range'] ?? '')
  const stale = headers['if-range'] !== undefined && headers['if-range'] !== etag
  if (!range || stale) return { status: 200, headers: { ...common, 'content-length': String(bytes.length) }, body: bytes }
  const begin = Number(range[1])
  if (begin >= bytes.length)
    return { status: 416, headers: { ...common, 'content-range': `bytes */${bytes.length}` }, body: new Uint8Array() }
  const end = Math.min(Number(range[2]) + 1, bytes.length)
  const headersOfPart = { ...common, 'content-range': `bytes ${begin}-${end - 1}/${bytes.length}`, 'content-length': String(end - begin) }
  return { status: 206, headers: headersOfPart, body: bytes.subarray(begin, end) }
}

function bodyOf(answer: FakeAnswer, chunk: number, signal: AbortSignal | undefined): ReadableStream<Uint8Array> {
  const { body, breakAfter = Number.POSITIVE_INFINITY, stallAfter = Number.POSITIVE_INFINITY } = answer
  const stop = Math.min(breakAfter, stallAfter)
  let at = 0
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (signal?.aborted) return controller.error(signal.reason)
        const end = Math.min(at + chunk, body.length, stop)
        if (end > at) controller.enqueue(body.slice(at, end))
        else if (at >= stop && stop === stallAfter) return new Promise<void>(() => undefined)
        else if (at >= stop) controller.error(new TypeError('terminated'))
        else controller.close()
        at = end
        return undefined
      },
    },
    { highWaterMark: 0 },
  )
}
