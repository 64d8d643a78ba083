import type { ChatMessage, ChatPart, LLM } from '../src/index.ts'
import { byId, explain, make } from './dom.ts'
import type { Picture } from './pictures.ts'

/** Speed of one answer. */
export interface Figures {
  /** Milliseconds to the first token. */
  first: number
  tokensPerSecond: number | undefined
  tokens: number
  promptTokens: number
}

/** What was said so far, on the page and as messages for the model. */
export class Conversation {
  readonly #thread = byId('thread', 'main')
  readonly #welcome = byId('welcome', 'section')
  #messages: ChatMessage[] = []
  #turn: AbortController | undefined

  get isEmpty(): boolean {
    return this.#messages.length === 0 && !this.#turn
  }

  /** Asks and shows the answer as it comes. A turn that fails is left out of the conversation, so that the next one can work. */
  async ask(llm: LLM, pictures: readonly Picture[], question: string): Promise<Figures | undefined> {
    const turn = new AbortController()
    this.#turn = turn
    this.#welcome.hidden = true
    this.#thread.append(asked(pictures, question))
    const answer = make('p', { className: 'answer writing' })
    this.#thread.append(answer)
    this.#toEnd()
    const content: ChatPart[] = [
      ...pictures.map(({ blob }): ChatPart => ({ type: 'image', image: blob })),
      { type: 'text', text: question },
    ]
    const messages: ChatMessage[] = [...this.#messages, { role: 'user', content }]
    try {
      const figures = await this.#write(llm, messages, answer, turn.signal)
      this.#messages = [...messages, { role: 'assistant', content: answer.textContent ?? '' }]
      return figures
    } catch (error) {
      if (!turn.signal.aborted) answer.after(make('p', { className: 'failed' }, explain(error)))
      else if (answer.textContent) this.#messages = [...messages, { role: 'assistant', content: answer.textContent }]
      return undefined
    } finally {
      answer.classList.remove('writing')
      if (turn.signal.aborted) answer.after(make('p', { className: 'took' }, 'Stopped.'))
      this.#turn = undefined
      this.#toEnd()
    }
  }

  async #write(llm: LLM, messages: ChatMessage[], answer: HTMLElement, signal: AbortSignal): Promise<Figures> {
    const start = performance.now()
    const figures: Figures = { first: 0, tokensPerSecond: undefined, tokens: 0, promptTokens: 0 }
    for await (const { text, token_ids, usage } of llm.stream(messages, { temperature: 0, max_tokens: 512 }, { signal })) {
      if (token_ids.length > 0) figures.first ||= performance.now() - start
      figures.tokens += token_ids.length
      figures.promptTokens = usage?.prompt_tokens ?? 0
      answer.append(text)
      this.#toEnd()
    }
    const writing = performance.now() - start - figures.first
    if (figures.tokens > 1) figures.tokensPerSecond = ((figures.tokens - 1) * 1000) / writing
    return figures
  }

  /** Ends the answer that is being written; its text so far stays. */
  stop(): void {
    this.#turn?.abort()
  }

  clear(): void {
    this.stop()
    this.#messages = []
    this.#thread.replaceChildren(this.#welcome)
    this.#welcome.hidden = false
  }

  #toEnd(): void {
    this.#thread.scrollTop = this.#thread.scrollHeight
  }
}

function asked(pictures: readonly Picture[], question: string): HTMLElement {
  const images = pictures.map(({ url }) => make('img', { src: url, alt: 'Picture you asked about' }))
  const row = images.length > 0 ? [make('div', { className: 'pictures' }, ...images)] : []
  return make('div', { className: 'asked' }, ...row, make('p', {}, question))
}
