import { describe, expect, it } from 'vitest'
import { collectOutput } from '../../../src/api/collect-output.ts'
import { type EngineLink, RequestEvents } from '../../../src/api/request-events.ts'
import type { DeltaEvent, StreamEvent } from '../../../src/protocol/stream-events.ts'

const delta = (text: string, more: Partial<DeltaEvent> = {}): DeltaEvent => ({
  type: 'delta',
  index: 0,
  text,
  token_ids: [1],
  logprobs: null,
  finish_reason: null,
  stop_reason: null,
  ...more,
})
const prompt: StreamEvent = { type: 'prompt', prompt: 'p', prompt_token_ids: [5, 6], prompt_logprobs: null, num_cached_tokens: 1 }
const done: StreamEvent = { type: 'done', usage: { prompt_tokens: 2, completion_tokens: 2, total_tokens: 4 } }
const prepared = async () => ({ request: { request_id: '0', input: { prompt: 'p' }, media: {}, sampling: {} }, transfer: [] })

/** An engine that accepts every request and is spoken for by the test. */
class FakeEngine implements EngineLink {
  ports: MessagePort[] = []
  received: unknown[] = []
  #closed: ((reason: unknown) => void)[] = []

  async submit(_: unknown, port: MessagePort): Promise<void> {
    this.ports.push(port)
    port.onmessage = ({ data }) => this.received.push(data)
  }

  onClosed(listener: (reason: unknown) => void): () => void {
    this.#closed.push(listener)
    return () => this.#closed.splice(this.#closed.indexOf(listener), 1)
  }

  end(reason: unknown): void {
    for (const listener of [...this.#closed]) listener(reason)
  }

  get watchers(): number {
    return this.#closed.length
  }

  say(...events: StreamEvent[]): void {
    for (const event of events) this.ports[0]?.postMessage(event)
  }
}

const settled = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 20))

describe('RequestEvents', () => {
  it('does nothing before it is asked', async () => {
    const engine = new FakeEngine()
    const events = new RequestEvents(engine, prepared, undefined)
    await settled()
    expect(engine.ports.length).toBe(0)
    await events.return()
    expect(await events.next()).toEqual({ done: true, value: undefined })
    expect(engine.ports.length).toBe(0)
  })

  it('gives events in order, those that came early too, and then ends', async () => {
    const engine = new FakeEngine()
    const output = collectOutput('0', new RequestEvents(engine, prepared, undefined))
    await settled()
    const logprobs = [{ 1: { logprob: -0.5, rank: 1, decoded_token: 'b' } }]
    engine.say(prompt, delta('a', { logprobs }), delta('b', { logprobs, finish_reason: 'stop', stop_reason: 7 }), done)
    const { outputs, ...rest } = await output
    expect(rest).toEqual({
      request_id: '0',
      prompt: 'p',
      prompt_token_ids: [5, 6],
      prompt_logprobs: null,
      num_cached_tokens: 1,
      finished: true,
    })
    expect(outputs).toEqual([
      {
        index: 0,
        text: 'ab',
        token_ids: [1, 1],
        cumulative_logprob: -1,
        logprobs: [...logprobs, ...logprobs],
        finish_reason: 'stop',
        stop_reason: 7,
      },
    ])
    expect(engine.watchers).toBe(0)
  })

  it('tells the engine when it is left, and lets a waiting next() go', async () => {
    const engine = new FakeEngine()
    const events = new RequestEvents(engine, prepared, undefined)
    const waiting = events.next()
    await settled()
    await events.return()
    expect(await waiting).toEqual({ done: true, value: undefined })
    await settled()
    expect(engine.received).toEqual([{ type: 'abort' }])
    expect(engine.watchers).toBe(0)
  })

  it('rejects with the signal’s reason, tells the engine, and is over', async () => {
    const engine = new FakeEngine()
    const controller = new AbortController()
    const events = new RequestEvents(engine, prepared, controller.signal)
    const waiting = events.next().catch((error: unknown) => error)
    await settled()
    controller.abort('enough')
    expect(await waiting).toBe('enough')
    expect(await events.next()).toEqual({ done: true, value: undefined })
    await settled()
    expect(engine.received).toEqual([{ type: 'abort' }])
  })

  it('ends a capture that is under way, and sends nothing after', async () => {
    const engine = new FakeEngine()
    let inner: AbortSignal | undefined
    const slow = async (signal: AbortSignal) => {
      inner = signal
      await settled()
      return prepared()
    }
    const events = new RequestEvents(engine, slow, undefined)
    void events.next()
    await events.return()
    expect(inner?.aborted).toBe(true)
    await settled()
    expect(engine.ports.length).toBe(0)
  })

  it('hands over what came before an error, then the error by its name, then nothing', async () => {
    const engine = new FakeEngine()
    const events = new RequestEvents(engine, prepared, undefined)
    const first = events.next()
    await settled()
    engine.say(prompt, delta('a'), { type: 'error', name: 'DeviceLostError', message: 'gone' })
    await settled()
    expect((await first).value?.type).toBe('prompt')
    expect((await events.next()).value?.type).toBe('delta')
    const error = (await events.next().catch((thrown: unknown) => thrown)) as Error
    expect([error.name, error.message]).toEqual(['DeviceLostError', 'gone'])
    expect(await events.next()).toEqual({ done: true, value: undefined })
  })

  it('fails with the engine, and with a request that is refused', async () => {
    const engine = new FakeEngine()
    const waiting = new RequestEvents(engine, prepared, undefined).next().catch((error: unknown) => error)
    await settled()
    engine.end('the end')
    expect(await waiting).toBe('the end')
    const refusing: EngineLink = { submit: () => Promise.reject(new Error('no')), onClosed: () => () => {} }
    const refused = (await new RequestEvents(refusing, prepared, undefined).next().catch((error: unknown) => error)) as Error
    expect(refused.message).toBe('no')
  })
})
