import { createRouter, type RouterOptions } from '../../../src/server/router.ts'
import type { FakeEngine } from './fake-engine.ts'

/** A router before this engine. */
export const routerOf = (engine: FakeEngine, options: Partial<RouterOptions> = {}): ((request: Request) => Promise<Response>) =>
  createRouter({ engine: async () => engine, ...options })

/** A router as fetch, for clients. */
export function fetchOf(engine: FakeEngine, options: Partial<RouterOptions> = {}): typeof fetch {
  const route = routerOf(engine, options)
  return (input, init) => route(new Request(input, init))
}

/** A POST request with JSON. */
export const post = (path: string, body: unknown, init: RequestInit = {}): Request =>
  new Request(`http://x${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...init.headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(init.signal && { signal: init.signal }),
  })

export const user = (content: unknown): { role: 'user'; content: unknown } => ({ role: 'user', content })

/** A chat request. */
export const chat = (fields: object = {}, init: RequestInit = {}): Request =>
  post('/v1/chat/completions', { messages: [user('Hi')], ...fields }, init)

/** The data of a stream's events, in order; '[DONE]' stays text, comments are left out. */
export async function eventsOf(response: Response): Promise<unknown[]> {
  const blocks = (await response.text()).split('\n\n').filter((block) => block.startsWith('data: '))
  return blocks.map((block) => block.slice('data: '.length)).map((data) => (data === '[DONE]' ? data : JSON.parse(data)))
}
