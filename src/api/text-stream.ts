import type { Usage } from '../protocol/outputs.ts'
import type { DeltaEvent } from '../protocol/stream-events.ts'
import type { RequestEvents } from './request-events.ts'

/** A piece of an answer as it is written. */
export interface TextChunk extends Omit<DeltaEvent, 'type'> {
  request_id: string
  /** Null but on the last chunk, which has no text: what the whole request has cost. */
  usage: Usage | null
}

/**
 * The chunks of one request. The request starts with the first next(); leaving the loop (`break`, `return()`) ends it in the engine.
 * Errors: those of LLM.stream, from next().
 */
export class TextStream implements AsyncIterableIterator<TextChunk, undefined> {
  readonly #requestId: string
  readonly #events: RequestEvents

  constructor(requestId: string, events: RequestEvents) {
    this.#requestId = requestId
    this.#events = events
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<TextChunk, undefined>> {
    for (;;) {
      const { value: event } = await this.#events.next()
      if (!event) return { done: true, value: undefined }
      if (event.type === 'delta') {
        const { type: _, ...delta } = event
        return { done: false, value: { request_id: this.#requestId, ...delta, usage: null } }
      }
      if (event.type === 'done') return { done: false, value: lastChunk(this.#requestId, event.usage) }
    }
  }

  async return(): Promise<IteratorResult<TextChunk, undefined>> {
    await this.#events.return()
    return { done: true, value: undefined }
  }
}

const lastChunk = (request_id: string, usage: Usage): TextChunk => ({
  request_id,
  index: 0,
  text: '',
  token_ids: [],
  logprobs: null,
  finish_reason: null,
  stop_reason: null,
  usage,
})
