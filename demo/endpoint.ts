import { type LLM, registerOcellus } from '../src/index.ts'
import { byId, make } from './dom.ts'

/** The line that says where the model answers as an OpenAI endpoint, with code to try it. */
export class EndpointLine {
  readonly #line = byId('endpoint', 'details')
  readonly #address = byId('endpoint-address', 'code')
  readonly #snippet = byId('endpoint-snippet', 'pre')
  #offered = new AbortController()

  constructor() {
    const copy = byId('endpoint-copy', 'button')
    copy.onclick = async () => {
      await navigator.clipboard.writeText(this.#snippet.textContent ?? '')
      copy.textContent = 'Copied'
      setTimeout(() => (copy.textContent = 'Copy'), 1500)
    }
  }

  /** Offers this model in place of the last; none takes the line away. Where there are no service workers there is no line. */
  async offer(llm: LLM | undefined): Promise<void> {
    this.#offered.abort()
    this.#offered = new AbortController()
    this.#line.hidden = true
    if (!llm) return
    const { signal } = this.#offered
    try {
      const endpoint = await registerOcellus({ url: './service-worker.js', engine: () => llm, signal })
      signal.addEventListener('abort', () => void endpoint.close())
      if (signal.aborted) return void endpoint.close()
      // Another tab may host, with another model.
      const { data } = (await (await fetch(`${endpoint.baseURL}/models`)).json()) as { data: { id: string }[] }
      if (!signal.aborted) this.#show(endpoint.baseURL, data[0]?.id ?? '')
    } catch (error) {
      if (!signal.aborted) console.info('No OpenAI endpoint in this page:', error)
    }
  }

  #show(baseURL: string, model: string): void {
    this.#address.textContent = baseURL
    this.#snippet.replaceChildren(make('code', {}, snippet(baseURL, model)))
    this.#line.hidden = false
  }
}

const snippet = (baseURL: string, model: string): string => `const response = await fetch('${baseURL}/chat/completions', {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ model: '${model}', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 64 }),
})
console.log((await response.json()).choices[0].message.content)`
