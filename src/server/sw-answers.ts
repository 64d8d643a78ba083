import { followStream } from '../util/follow-stream.ts'

/** Counts the answers that are still being sent, so that a new version of the service worker knows when it may take over. */
export class OpenAnswers {
  readonly #onNone: () => void
  #open = 0

  constructor(onNone: () => void) {
    this.#onNone = onNone
  }

  get count(): number {
    return this.#open
  }

  /** Counts an answer until its body has been read to the end, has failed, or its reader is gone. */
  async follow(answer: Promise<Response>): Promise<Response> {
    this.#open++
    const onEnd = (): void => {
      if (--this.#open === 0) this.#onNone()
    }
    try {
      const response = await answer
      if (response.body) return new Response(followStream(response.body, { onEnd }), response)
      onEnd()
      return response
    } catch (error) {
      onEnd()
      throw error
    }
  }
}
