import { describe, expect, it } from 'vitest'
import { abortError, deviceLostError } from '../../../src/util/errors.ts'
import { deltaEvent, doneEvent, FakeEngine, type FakeRun, promptEvent, say } from './fake-engine.ts'
import { chat, eventsOf, post, routerOf } from './requests.ts'

/** An engine that says one word and then stays silent. */
const silent = (): FakeEngine =>
  new FakeEngine((run) => {
    run.post(promptEvent(1))
    run.post(deltaEvent('Hel'))
  })

const never = new Promise<never>(() => {})

/** The first run, once the engine has been asked. */
async function runOf(engine: FakeEngine): Promise<FakeRun> {
  for (;;) {
    const [run] = engine.runs
    if (run) return run
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

const codeOf = (event: unknown): string | null => (event as { error: { code: string | null } }).error.code

describe('a reader who goes away', () => {
  it('ends the request in the engine when the body is cancelled', async () => {
    const engine = silent()
    const response = await routerOf(engine)(chat({ stream: true }))
    await response.body?.cancel()
    await (await runOf(engine)).heard('abort')
    expect(engine.runs).toHaveLength(1)
  })

  it('ends all requests of a list of prompts', async () => {
    const engine = silent()
    const response = await routerOf(engine)(post('/v1/completions', { prompt: ['a', 'b', 'c'], stream: true }))
    await response.body?.cancel()
    await Promise.all(engine.runs.map((run) => run.heard('abort')))
    expect(engine.runs).toHaveLength(3)
  })

  it('by its signal breaks a stream off with the reason', async () => {
    const engine = silent()
    const controller = new AbortController()
    const response = await routerOf(engine)(chat({ stream: true }, { signal: controller.signal }))
    controller.abort()
    expect(await response.text().catch(({ name }: Error) => name)).toBe('AbortError')
    await (await runOf(engine)).heard('abort')
  })

  it('by its signal gets no answer, and the engine is told', async () => {
    const engine = silent()
    const controller = new AbortController()
    const answer = routerOf(engine)(chat({}, { signal: controller.signal })).catch(({ name }: Error) => name)
    const run = await runOf(engine)
    controller.abort()
    expect(await answer).toBe('AbortError')
    await run.heard('abort')
  })

  it('before the engine has accepted is told to the engine as well', async () => {
    const engine = new FakeEngine(() => never)
    const controller = new AbortController()
    const answer = routerOf(engine)(chat({ stream: true }, { signal: controller.signal })).catch(({ name }: Error) => name)
    const run = await runOf(engine)
    controller.abort()
    expect(await answer).toBe('AbortError')
    await run.heard('abort')
  })

  it('before there is an engine gets no answer', async () => {
    const controller = new AbortController()
    const answer = routerOf(silent(), { engine: () => never })(chat({}, { signal: controller.signal })).catch(({ name }: Error) => name)
    controller.abort()
    expect(await answer).toBe('AbortError')
  })

  it('while it still sends its body has the rest of that cancelled', async () => {
    const engine = silent()
    const controller = new AbortController()
    const reason = new Error('changed my mind')
    let begun = (): void => {}
    const asked = new Promise<void>((resolve) => {
      begun = resolve
    })
    const cancelled = new Promise((resolve) => {
      // Says a little, and then nothing for ever.
      const body = new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array([123])), pull: begun, cancel: resolve })
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body, duplex: 'half', signal: controller.signal }
      routerOf(engine)(new Request('http://x/v1/completions', init)).catch(() => {})
    })
    await asked
    controller.abort(reason)
    expect(await cancelled).toBe(reason)
    expect(engine.runs).toEqual([])
  })

  it('from the beginning never reaches the engine', async () => {
    const engine = silent()
    const answer = routerOf(engine)(chat({}, { signal: AbortSignal.abort() })).catch(({ name }: Error) => name)
    expect(await answer).toBe('AbortError')
    expect(engine.runs).toEqual([])
  })
})

describe('an engine that ends', () => {
  for (const reason of [abortError('Disposed.'), deviceLostError('The worker has died.')]) {
    it(`with ${reason.name} ends its streams with engine_gone and [DONE]`, async () => {
      const engine = silent()
      const response = await routerOf(engine)(chat({ stream: true }))
      engine.die(reason)
      const events = await eventsOf(response)
      expect(events.slice(-2)).toEqual([
        { error: { message: reason.message, type: 'server_error', param: null, code: 'engine_gone' } },
        '[DONE]',
      ])
    })

    it(`with ${reason.name} makes a whole answer 503`, async () => {
      const engine = silent()
      const answer = routerOf(engine)(chat())
      await runOf(engine)
      engine.die(reason)
      const response = await answer
      expect([response.status, codeOf(await response.json())]).toEqual([503, 'engine_gone'])
    })
  }

  it('while it is still thinking about a request is seen by both kinds of answers', async () => {
    for (const stream of [true, false]) {
      const engine = new FakeEngine(() => never)
      const answer = routerOf(engine)(chat({ stream }))
      await runOf(engine)
      engine.die()
      const response = await answer
      expect([response.status, codeOf(await response.json())]).toEqual([503, 'engine_gone'])
    }
  })

  it('with a lost device that it reports itself is device_lost', async () => {
    const engine = new FakeEngine((run) => run.post({ type: 'error', name: 'DeviceLostError', message: 'The GPU is gone.' }))
    expect(codeOf(await (await routerOf(engine)(chat())).json())).toBe('device_lost')
  })
})

describe('patience', () => {
  it('a stream gets its headers without the engine, and a later refusal as an event', async () => {
    let refuse: (error: Error) => void = () => {}
    const refused = new Promise<void>((_, reject) => {
      refuse = reject
    })
    const engine = new FakeEngine(() => refused)
    const response = await routerOf(engine, { acceptPatience: 1 })(chat({ stream: true }))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('no-cache')
    refuse(Object.assign(new Error('Too slow.'), { name: 'MediaError', code: 'media_timeout' }))
    expect(await eventsOf(response)).toEqual([
      { error: { message: 'Too slow.', type: 'server_error', param: null, code: 'media_timeout' } },
      '[DONE]',
    ])
  })

  describe('while there is no engine yet, a stream has its headers', () => {
    const streamed = async (engine: Promise<FakeEngine>, signal?: AbortSignal) =>
      routerOf(silent(), { engine: () => engine, acceptPatience: 1, keepAlive: 5 })(chat({ stream: true }, signal && { signal }))

    it('and the answer when there is one', async () => {
      let load: (engine: FakeEngine) => void = () => {}
      const response = await streamed(new Promise((resolve) => (load = resolve)))
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8'])
      load(new FakeEngine((run) => say(run, 'Hello')))
      const events = await eventsOf(response)
      expect(events.at(-1)).toBe('[DONE]')
      expect(JSON.stringify(events)).toContain('Hello')
    })

    it('and an error event when there will be none', async () => {
      let fail: (error: Error) => void = () => {}
      const response = await streamed(new Promise((_, reject) => (fail = reject)))
      fail(Object.assign(new Error('Nobody hosts a model.'), { name: 'EngineNotReadyError' }))
      const error = { message: 'Nobody hosts a model.', type: 'server_error', param: null, code: 'engine_not_ready' }
      expect(await eventsOf(response)).toEqual([{ error }, '[DONE]'])
    })

    it('and a reader who goes away asks nothing of the engine that comes then', async () => {
      let load: (engine: FakeEngine) => void = () => {}
      const response = await streamed(new Promise((resolve) => (load = resolve)))
      await response.body?.cancel()
      const engine = silent()
      load(engine)
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(engine.runs).toEqual([])
    })

    it('and a signal breaks it off with its reason', async () => {
      const controller = new AbortController()
      const response = await streamed(never, controller.signal)
      controller.abort()
      expect(await response.text().catch(({ name }: Error) => name)).toBe('AbortError')
    })
  })

  it('a whole answer that takes too long is 504, not to be tried again, and the engine is told', async () => {
    const engine = silent()
    const response = await routerOf(engine, { answerTimeout: 5 })(chat())
    expect(response.headers.get('x-should-retry')).toBe('false')
    const body = (await response.json()) as { error: { code: string; message: string } }
    expect([response.status, body.error.code]).toEqual([504, 'timeout'])
    expect(body.error.message).toBe(
      'The answer was not complete after 0.005 s; ask for fewer tokens with max_tokens, or for a stream with stream: true.',
    )
    await (await runOf(engine)).heard('abort')
  })

  it('embeddings that take too long are told what helps with them', async () => {
    const engine = new FakeEngine(() => undefined, { task: 'embed' })
    const response = await routerOf(engine, { answerTimeout: 5 })(post('/v1/embeddings', { input: ['a', 'b'] }))
    const { error } = (await response.json()) as { error: { message: string; code: string } }
    expect([response.status, error.code]).toEqual([504, 'timeout'])
    expect(error.message).toBe('The answer was not complete after 0.005 s; send fewer or shorter inputs at a time.')
    await Promise.all(engine.runs.map((run) => run.heard('abort')))
  })

  it('a stream has no time limit', async () => {
    const engine = silent()
    const response = await routerOf(engine, { answerTimeout: 1, keepAlive: 5 })(chat({ stream: true }))
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let read = ''
    while (read.split('keep-alive').length < 5) read += (await reader?.read())?.value ?? ''
    const run = await runOf(engine)
    run.post(deltaEvent('lo', { finish_reason: 'stop' }))
    run.post(doneEvent(1, 5))
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) read += next.value
    expect(read).toMatch(/"content":"lo"/)
    expect(read).toMatch(/data: \[DONE\]\n\n$/)
    expect(run.told).toEqual([])
  })
})

describe('a slow reader', () => {
  it('pauses the request in the engine, and resumes it by reading', async () => {
    const engine = new FakeEngine((run) => {
      run.post(promptEvent(1))
      for (let i = 0; i < 100; i++) run.post(deltaEvent('x'.repeat(1000)))
    })
    const response = await routerOf(engine)(chat({ stream: true }))
    const run = await runOf(engine)
    await run.heard('pause')
    expect(run.told).toEqual(['pause'])
    run.post(deltaEvent('!', { finish_reason: 'length' }))
    run.post(doneEvent(1, 100_001))
    const events = await eventsOf(response)
    expect(events).toHaveLength(1 + 100 + 1 + 1 + 1)
    expect(run.told.slice(0, 2)).toEqual(['pause', 'resume'])
  })
})

describe('one bad request', () => {
  it('leaves the others and the next ones alone', async () => {
    const engine = new FakeEngine((run) => {
      if (run.request.sampling.seed === 1) throw new Error('Broken.')
      say(run, 'Fine')
    })
    const route = routerOf(engine)
    const answers = await Promise.all([1, 2, 1, 3].map((seed) => route(chat({ seed }))))
    expect(answers.map(({ status }) => status)).toEqual([500, 200, 500, 200])
    expect((await route(chat())).status).toBe(200)
  })

  it('of a list of prompts ends the others with it', async () => {
    const engine = new FakeEngine((run) => {
      if ('prompt' in run.request.input && run.request.input.prompt === 'bad') throw new Error('Broken.')
      run.post(promptEvent(1))
    })
    const response = await routerOf(engine)(post('/v1/completions', { prompt: ['good', 'bad'] }))
    expect(response.status).toBe(500)
    await engine.runs[0]?.heard('abort')
  })
})
