import { EVENT_STREAM_HEADERS } from './sse.ts'

/** What early headers need of the router. */
export interface EarlyHeaders {
  /** Milliseconds that the answer may take before its headers go out without it. */
  readonly patience: number
  /** Milliseconds between two comments until it is there. */
  readonly keepAlive: number
  /** Aborted when the request is: the body then ends with its reason. */
  readonly signal: AbortSignal
  /** The reader has gone before the answer was there. */
  onCancel(): void
  /** How an error is said. */
  errorResponse(error: unknown): Response
}

const COMMENT = new TextEncoder().encode(': keep-alive\n\n')

/**
 * The answer to a request for a stream, whatever it has to wait for: a reader that goes away is only noticed once there are headers. What
 * comes late is passed on; a late error is an event, and `[DONE]` follows it. Rejects as `answer` does, if that is in time.
 */
export async function withEarlyHeaders(answer: Promise<Response>, options: EarlyHeaders): Promise<Response> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), options.patience)
  })
  const inTime = await Promise.race([answer, late]).finally(() => clearTimeout(timer))
  return inTime ?? new Response(lateBody(answer, options), { headers: EVENT_STREAM_HEADERS })
}

function lateBody(answer: Promise<Response>, { keepAlive, signal, onCancel, errorResponse }: EarlyHeaders): ReadableStream<Uint8Array> {
  let comments: ReturnType<typeof setInterval> | undefined
  let reader: Promise<ReadableStreamDefaultReader<Uint8Array>> | undefined
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(COMMENT)
      comments = setInterval(() => controller.enqueue(COMMENT), keepAlive)
      reader = answer
        .catch((error: unknown) => {
          signal.throwIfAborted()
          return errorResponse(error)
        })
        .then(async (response) => (response.ok ? response : errorEvents(await response.text())))
        .then((response) => (response.body as ReadableStream<Uint8Array>).getReader())
        .finally(() => clearInterval(comments))
      // Told by the next read.
      reader.catch(() => {})
    },
    async pull(controller) {
      const { done, value } = await (await reader!).read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    async cancel(reason) {
      clearInterval(comments)
      onCancel()
      await (await reader!.catch(() => undefined))?.cancel(reason)
    },
  })
}

const errorEvents = (body: string): Response => new Response(`data: ${body}\n\ndata: [DONE]\n\n`)
