// These functions run in the page: each is sent there as text, so it may use nothing from outside its own braces but types.
import type { ChatCallOptions, ChatMessage, LLM, ModelInfo, SamplingParams, Usage } from '../../src/index.ts'

/** What the page keeps between calls, and the ways back into Node that the session opens. */
export interface PageGlobals {
  ocellus?: LLM
  /** Requests under way, by their number in Node. */
  ocellusAborts?: Map<number, AbortController>
  /** The engine has ended by itself. */
  ocellusGone(message: string): Promise<void>
  ocellusHead(id: number, status: number, headers: Record<string, string>): Promise<void>
  /** Resolves once Node's client has taken it. */
  ocellusPiece(id: number, text: string): Promise<void>
  ocellusProgress(event: { status: string; file?: string; loaded?: number; total?: number }): Promise<void>
  ocellusText(id: number, text: string): Promise<void>
}

/** An answer from the page: errors cross the border as data, with their name. */
export type Outcome<T> = { value: T } | { error: { name: string; message: string } }

/** One request for the page. Media stand in messages as URLs that it can fetch. */
export interface PageRequest {
  id: number
  messages: ChatMessage[]
  sampling: SamplingParams
  options: Omit<ChatCallOptions, 'signal'>
}

/** The whole answer of a request that is streamed. */
export interface StreamedAnswer {
  text: string
  finish_reason: string | null
  usage: Usage | null
  /** Milliseconds from the request to its first text. */
  first: number
  /** Milliseconds from the request to its end. */
  total: number
}

/** Loads the model. `library`: URL of index.js. */
export async function loadInPage({
  library,
  options,
}: {
  library: string
  options: Parameters<typeof LLM.create>[0]
}): Promise<Outcome<ModelInfo>> {
  const page = globalThis as unknown as PageGlobals
  try {
    const { LLM } = (await import(/* @vite-ignore */ library)) as typeof import('../../src/index.ts')
    let last = 0
    page.ocellusAborts = new Map()
    page.ocellus = await LLM.create({
      ...options,
      onProgress: (event) => {
        if (event.status === 'progress' && performance.now() - last < 100) return
        last = performance.now()
        void page.ocellusProgress(event)
      },
    })
    const { gone } = page.ocellus.served
    gone.addEventListener('abort', () => void page.ocellusGone((gone.reason as Error).message))
    return { value: page.ocellus.info }
  } catch (error) {
    const { name, message } = error as Error
    return { error: { name, message } }
  }
}

/** Runs one conversation and tells of its text as it comes. */
export async function streamInPage({ id, messages, sampling, options }: PageRequest): Promise<Outcome<StreamedAnswer>> {
  const page = globalThis as unknown as Required<PageGlobals>
  const start = performance.now()
  const answer: StreamedAnswer = { text: '', finish_reason: null, usage: null, first: 0, total: 0 }
  try {
    for await (const chunk of page.ocellus.stream(messages, sampling, options)) {
      if (chunk.token_ids.length > 0) answer.first ||= performance.now() - start
      answer.text += chunk.text
      answer.finish_reason = chunk.finish_reason ?? answer.finish_reason
      answer.usage = chunk.usage
      if (chunk.text) await page.ocellusText(id, chunk.text)
    }
    answer.total = performance.now() - start
    return { value: answer }
  } catch (error) {
    const { name, message } = error as Error
    return { error: { name, message } }
  }
}
