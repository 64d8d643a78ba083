import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { embeddingModel, generatingModel, randomModel } from './places.ts'
import { runCli } from './run-cli.ts'
import { type ServeProcess, startServe } from './serve-process.ts'

const flags = [randomModel, '--served-model-name', 'random', '--max-model-len', '2048', '--dtype', 'float32']
const messages = [{ role: 'user' as const, content: 'Hello' }]
const short = { model: 'random', messages, temperature: 0, max_tokens: 3, ignore_eos: true }
const long = { ...short, max_tokens: 1800, stream: true as const }
const code = (error: unknown): unknown => (error as InstanceType<typeof OpenAI.APIError>).code

/** A stream that has given its first text; `end` resolves with the code of the error that ends it. */
async function startStream(client: OpenAI): Promise<{ end: Promise<unknown>; abort(): void }> {
  const stream = await client.chat.completions.create(long)
  const chunks = stream[Symbol.asyncIterator]()
  for (let first = ''; first === ''; ) first = (await chunks.next()).value?.choices[0]?.delta.content ?? ''
  const end = (async () => {
    try {
      while (!(await chunks.next()).done);
    } catch (error) {
      return code(error)
    }
    return 'no error'
  })()
  return { end, abort: () => stream.controller.abort() }
}

/** Asks until the answer is there; gives it, or the last refusal after 30 s. */
async function untilAnswered(client: OpenAI): Promise<unknown> {
  let last: unknown
  for (let i = 0; i < 150; i++) {
    try {
      return (await client.chat.completions.create(short)).choices[0]?.message.content
    } catch (error) {
      last = code(error)
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
  return last
}

/** The first answer of /health with this code; before it, a page whose GPU is lost speaks for itself. */
async function untilHealth(server: ServeProcess, code: string): Promise<Response> {
  for (;;) {
    const health = await fetch(`${server.url}/health`)
    if (health.status === 503 && (await health.json()).error.code === code) return health
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

describe('ocellus serve', () => {
  let server: ServeProcess
  let client: OpenAI
  beforeAll(async () => {
    server = await startServe(...flags, '--max-num-seqs', '1', '--max-waiting-requests', '1')
    client = server.client()
  })
  afterAll(() => server?.stop())

  it('refuses what it has no room for, and has room again when clients have gone', async () => {
    const running = await startStream(client)
    const waiting = client.chat.completions.create(long).catch((error) => error)
    let refused: InstanceType<typeof OpenAI.APIError> | undefined
    // The second stream may not wait in the queue yet.
    for (let i = 0; i < 50 && !refused; i++) {
      const hasty = client.chat.completions.create(short, { timeout: 200 })
      refused = await hasty.then(() => undefined).catch((error) => (error.status === 429 ? error : undefined))
    }
    expect([refused?.status, refused?.code, refused?.headers?.get('retry-after-ms')]).toEqual([429, 'queue_full', '1000'])
    running.abort()
    ;(await waiting).controller.abort()
    await running.end
    expect(await untilAnswered(client)).not.toBe('queue_full')
    expect(server.log()).toMatch(/client gone/)
  })

  const losses = [
    ['browser', 'engine_gone'],
    ['renderer', 'engine_gone'],
    ['gpu-process', 'device_lost'],
  ] as const
  for (const [what, code] of losses) {
    it(`ends streams with an error when its ${what} is killed, says that it is not ready, and is there again`, async () => {
      const before = await untilAnswered(client)
      const { end } = await startStream(client)
      const killed = performance.now()
      expect(server.kill(what)).toBeGreaterThan(0)
      expect(await end).toBe(code)
      expect(performance.now() - killed).toBeLessThan(2000)
      const health = await untilHealth(server, 'engine_not_ready')
      expect(Number(health.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(await untilAnswered(client)).toBe(before)
      expect((await fetch(`${server.url}/health`)).status).toBe(200)
    })
  }
})

describe('ocellus serve, at its end', () => {
  it('lets answers finish, takes no new ones, and leaves no Chromium', async () => {
    const server = await startServe(...flags)
    const client = server.client()
    const stream = await client.chat.completions.create({ ...long, max_tokens: 400 })
    const reasons: unknown[] = []
    let refused: unknown
    for await (const { choices } of stream) {
      if (choices[0]?.delta.content && server.child.exitCode === null && refused === undefined) {
        server.child.kill('SIGTERM')
        while (!server.log().includes('Shutting down')) await new Promise((resolve) => setTimeout(resolve, 10))
        refused = await fetch(`${server.url}/health`).catch((error) => error)
      }
      if (choices[0]?.finish_reason) reasons.push(choices[0].finish_reason)
    }
    expect(reasons).toEqual(['length'])
    expect(refused).toBeInstanceOf(Error)
    expect((await server.result).status).toBe(0)
    expect(server.browsers()).toEqual([])
  })

  it('ends answers with an error at the second signal', async () => {
    const server = await startServe(...flags)
    const { end } = await startStream(server.client())
    server.child.kill('SIGINT')
    while (!server.log().includes('Shutting down')) await new Promise((resolve) => setTimeout(resolve, 10))
    server.child.kill('SIGINT')
    expect(await end).toBe('engine_gone')
    expect((await server.result).status).toBe(0)
    expect(server.browsers()).toEqual([])
  })

  it('gives up on a Chromium that ends again and again', async () => {
    const server = await startServe(...flags)
    let kills = 0
    const timer = setInterval(() => {
      kills += server.kill('browser')
    }, 50)
    const { status, stderr } = await server.result
    clearInterval(timer)
    expect(status).toBe(1)
    expect(stderr).toMatch(/The engine has ended 4 times/)
    expect(kills).toBeGreaterThanOrEqual(4)
  })
})

describe('ocellus serve, at its start', () => {
  it('says before loading that the port is in use', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    const { status, stderr } = await runCli('serve', randomModel, '--port', String(port))
    other.close()
    expect(stderr).toMatch(new RegExp(`Port ${port} of 127\\.0\\.0\\.1 .* in use.*--port`))
    expect([status, stderr.includes('float')]).toEqual([1, false])
  })

  it('refuses a model that cannot be had for its task', async () => {
    const { status, stderr } = await runCli('serve', generatingModel, '--port', '0', '--task', 'embed')
    expect(stderr).toMatch(/llava model, which makes no embeddings; load it with task: 'generate'/)
    expect(status).toBe(1)
  })

  it('embeds with a model loaded for that', async () => {
    const server = await startServe(embeddingModel, '--task', 'embed')
    const { data } = await server.client().embeddings.create({ model: embeddingModel, input: ['a cat', 'a dog'], dimensions: 8 })
    expect(data.map(({ index, embedding }) => [index, embedding.length])).toEqual([
      [0, 8],
      [1, 8],
    ])
    server.child.kill('SIGTERM')
    expect((await server.result).status).toBe(0)
  })

  const mistakes: [what: string, args: string[], message: RegExp][] = [
    ['two models', ['a', 'b'], /takes one model, not also 'b'/],
    ['a port that cannot be', ['--port', '70000'], /highest there is is 65535/],
    ['a folder that is none', ['--allowed-local-media-path', '/no/such'], /which is no folder/],
    ['a task there is not', ['--task', 'draw'], /--task is 'draw'/],
    ['a time that is none', ['--media-fetch-timeout', 'image=soon'], /--media-fetch-timeout has 'image=soon'/],
  ]
  for (const [what, args, message] of mistakes) {
    it(`exits with 2 for ${what}`, async () => {
      const { status, stderr } = await runCli('serve', ...args)
      expect(stderr).toMatch(message)
      expect(status).toBe(2)
    })
  }
})
