/** Bytes that may wait unread before the writer is asked to pause. */
const HIGH_WATER = 65_536

/** Headers of an answer by server-sent events. */
export const EVENT_STREAM_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
}

/** What a stream tells its writer. */
export interface EventStreamListener {
  /** More is waiting than should be. */
  onFull(): void
  /** The reader has caught up. */
  onDrained(): void
  /** The reader has gone. */
  onCancel(): void
}

/** A body of server-sent events: JSON in `data:` lines, comments while there is nothing to say, `[DONE]` at the end. */
export class EventStream {
  readonly body: ReadableStream<Uint8Array>
  readonly #listener: EventStreamListener
  readonly #timer: ReturnType<typeof setInterval>
  readonly #encoder = new TextEncoder()
  #controller!: ReadableStreamDefaultController<Uint8Array>
  #full = false
  #open = true

  /** A comment goes out at once and then every `keepAlive` milliseconds. */
  constructor(keepAlive: number, listener: EventStreamListener) {
    this.#listener = listener
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#drained(),
        cancel: () => {
          this.#close()
          listener.onCancel()
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER }),
    )
    this.#comment()
    this.#timer = setInterval(() => this.#comment(), keepAlive)
  }

  /** Sends one event. Nothing happens once the stream has ended. */
  send(data: unknown): void {
    this.#write(`data: ${JSON.stringify(data)}\n\n`)
    if (!this.#open || this.#full || (this.#controller.desiredSize ?? 0) > 0) return
    this.#full = true
    this.#listener.onFull()
  }

  /** Ends the stream in order. */
  end(): void {
    this.#write('data: [DONE]\n\n')
    if (this.#open) this.#controller.close()
    this.#close()
  }

  /** Breaks the stream off: its reader meets the reason. */
  fail(reason: unknown): void {
    if (this.#open) this.#controller.error(reason)
    this.#close()
  }

  #comment(): void {
    // Whoever does not read needs no comments, and they would pile up.
    if (!this.#full) this.#write(': keep-alive\n\n')
  }

  #write(text: string): void {
    if (this.#open) this.#controller.enqueue(this.#encoder.encode(text))
  }

  #drained(): void {
    if (!this.#full) return
    this.#full = false
    if (this.#open) this.#listener.onDrained()
  }

  #close(): void {
    this.#open = false
    clearInterval(this.#timer)
  }
}
