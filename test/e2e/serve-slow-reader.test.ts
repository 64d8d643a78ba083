import { request as httpRequest, type IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { randomModel } from './places.ts'
import { startServe } from './serve-process.ts'

const TOKENS = 800
// Every chunk names the model, which makes an answer of more megabytes than the sockets on the way can hold.
const NAME = 'random'.repeat(4000)
const body = JSON.stringify({
  model: NAME,
  messages: [{ role: 'user', content: 'Hello' }],
  ...{ stream: true, stream_options: { include_usage: true }, temperature: 0, max_tokens: TOKENS, ignore_eos: true },
})

/** An answer whose headers have come, and of which nothing is read. */
const begin = (url: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    httpRequest(`${url}/v1/chat/completions`, { method: 'POST', headers }, resolve).on('error', reject).end(body)
  })

interface Answer {
  text: string
  tokens?: number
  error?: string
  done: boolean
}

/** Reads an answer to its end. */
async function readAll(response: IncomingMessage): Promise<Answer> {
  const answer: Answer = { text: '', done: false }
  const see = (event: string): void => {
    if (event === 'data: [DONE]') answer.done = true
    if (!event.startsWith('data: {')) return
    const { choices, usage, error } = JSON.parse(event.slice(6))
    answer.text += choices?.[0]?.delta.content ?? ''
    if (usage) answer.tokens = usage.completion_tokens
    if (error) answer.error = error.code
  }
  let rest = ''
  for await (const piece of response.setEncoding('utf8')) {
    const events = (rest + piece).split('\n\n')
    rest = events.pop() ?? ''
    events.forEach(see)
  }
  return answer
}

describe('ocellus serve, with clients that do not read', () => {
  it('has the engine wait for them, answers others, and loses nothing', async () => {
    const server = await startServe(randomModel, '--served-model-name', NAME, '--max-model-len', '1024', '--dtype', 'float32')
    try {
      const [slow, forgotten] = [await begin(server.url), await begin(server.url)]
      const other = await readAll(await begin(server.url))
      expect(other).toMatchObject({ tokens: TOKENS, done: true })
      expect(await readAll(slow)).toEqual(other)
      // Had its whole answer been taken from the engine by now, the engine's end would do no harm.
      server.kill('browser')
      const broken = await readAll(forgotten)
      expect(broken).toMatchObject({ error: 'engine_gone', done: true })
      expect(other.text.startsWith(broken.text)).toBe(true)
      expect(broken.text.length).toBeLessThan(other.text.length)
    } finally {
      await server.stop()
    }
  })
})
