import { describe, expect, it } from 'vitest'
import { EncoderCache } from '../../../src/engine/encoder-cache.ts'
import { EngineCore, type RequestHandle } from '../../../src/engine/engine-core.ts'
import { KvCache } from '../../../src/engine/kv-cache.ts'
import type { AcceptedRequest } from '../../../src/engine/request.ts'
import { Scheduler } from '../../../src/engine/scheduler.ts'
import { FAILED_TOKEN } from '../../../src/engine/step-output.ts'
import type { StreamEvent } from '../../../src/protocol/stream-events.ts'
import { deviceLostError, withCode } from '../../../src/util/errors.ts'
import { FakeRunner } from './fake-runner.ts'
import { fakeTokenizer, idsOf } from './fake-tokenizer.ts'
import { makeMedia, range, sampling } from './make-sequence.ts'

function setUp(scripts: Readonly<Record<number, readonly number[]>>, blocks = 50) {
  const kv = new KvCache(blocks + 1)
  const media = new EncoderCache(50)
  const scheduler = new Scheduler(kv, media, { maxSequences: 4, maxTokens: 32, maxPromptRows: 4 })
  const runner = new FakeRunner(scripts)
  const core = new EngineCore({ scheduler, media, runner, tokenizer: fakeTokenizer })
  return { kv, media, scheduler, runner, core }
}

let arrivals = 0

function request(promptTokens: readonly number[], change: Partial<AcceptedRequest> = {}): AcceptedRequest {
  const n = promptTokens.length
  return {
    id: `r${arrivals}`,
    promptText: 'the prompt',
    promptTokens,
    media: [],
    positions: new Int32Array(3 * n),
    nextPosition: n,
    sampling: sampling(),
    maxTokens: 50,
    priority: 0,
    arrival: arrivals++,
    cacheSalt: '',
    ...change,
  }
}

/** Runs a request to its last event. */
function collect(
  core: EngineCore,
  accepted: AcceptedRequest,
  onEvent?: (event: StreamEvent, handle: RequestHandle) => void,
): Promise<StreamEvent[]> {
  return new Promise((resolve) => {
    const events: StreamEvent[] = []
    let handle: RequestHandle | undefined
    handle = core.add(accepted, (event) => {
      events.push(event)
      if (handle) onEvent?.(event, handle)
      if (event.type === 'done' || event.type === 'error') resolve(events)
    })
  })
}

const textOf = (events: readonly StreamEvent[], index = 0): string =>
  events.map((event) => (event.type === 'delta' && event.index === index ? event.text : '')).join('')

describe('EngineCore', () => {
  it('says prompt, deltas and done, in this order, and frees everything', async () => {
    const { core, kv, runner, scheduler } = setUp({ 1: idsOf('Hello') })
    const events = await collect(core, request([1, 2, 3]))
    expect(events[0]).toEqual({
      type: 'prompt',
      prompt: 'the prompt',
      prompt_token_ids: [1, 2, 3],
      prompt_logprobs: null,
      num_cached_tokens: 0,
    })
    expect(textOf(events)).toBe('Hello')
    expect(events.at(-2)).toMatchObject({ type: 'delta', finish_reason: 'stop', stop_reason: null })
    expect(events.at(-1)).toEqual({ type: 'done', usage: { prompt_tokens: 3, completion_tokens: 6, total_tokens: 9 } })
    expect(kv.usedCount).toBe(0)
    expect(runner.released.size).toBe(1)
    expect(scheduler.hasWork).toBe(false)
    expect(core.counters).toMatchObject({ generatedTokens: 6, promptTokens: 3 })
  })

  it('keeps a submit behind the one that runs while nothing else is to be done', async () => {
    const { core, runner } = setUp({ 1: idsOf('a long answer') })
    await collect(core, request([1, 2, 3], { maxTokens: 13 }))
    expect(runner.log.slice(0, 4)).toEqual(['start 1', 'start 1', 'follow 1', expect.stringMatching(/^follow \d+$/)])
  })

  it('drops what was computed past the end', async () => {
    const { core, runner } = setUp({ 1: [...idsOf('ab'), 99, ...idsOf('cd')] })
    const events = await collect(core, request([1]))
    expect(textOf(events)).toBe('ab')
    expect(runner.log.length).toBeGreaterThan(3)
    expect(core.counters.generatedTokens).toBe(3)
  })

  it('gives many requests at once the same texts as one after another', async () => {
    const scripts = Object.fromEntries(range(12, 1).map((i) => [i, idsOf('abcdefghijklmnop'.slice(0, i + 2))]))
    const prompts = range(12, 1).map((i) => [i, ...range(i * 5, 10)])
    const { core, kv } = setUp(scripts, 12)
    const together = await Promise.all(prompts.map((prompt) => collect(core, request(prompt))))
    const apart = []
    for (const prompt of prompts) apart.push(await collect(core, request(prompt)))
    expect(together.map((events) => textOf(events))).toEqual(apart.map((events) => textOf(events)))
    expect(together.map((events) => textOf(events).length)).toEqual(range(12, 3))
    expect(kv.usedCount).toBe(0)
  })

  it('answers n times and ends when all have ended', async () => {
    const { core } = setUp({ 1: idsOf('xyz') })
    const events = await collect(core, request(range(20, 1), { sampling: sampling({ n: 3 }) }))
    expect([0, 1, 2].map((index) => textOf(events, index))).toEqual(['xyz', 'xyz', 'xyz'])
    expect(events.filter((event) => event.type === 'prompt').length).toBe(1)
    expect(events.at(-1)).toEqual({ type: 'done', usage: { prompt_tokens: 20, completion_tokens: 12, total_tokens: 32 } })
    expect(core.counters.promptTokens).toBe(20 + 4 + 4)
  })

  it('hands prompt log-probabilities out before the text, one entry per prompt token', async () => {
    const { core } = setUp({ 1: idsOf('x') })
    const [first] = await collect(core, request(range(9, 1), { sampling: sampling({ prompt_logprobs: 1 }) }))
    const logprobs = first?.type === 'prompt' ? first.prompt_logprobs : null
    expect(logprobs?.length).toBe(9)
    expect(logprobs?.[0]).toBe(null)
    expect(logprobs?.[5]).toEqual({ 3: { logprob: -0.5, rank: 1, decoded_token: '#' }, 6: { logprob: -5, rank: 2, decoded_token: '&' } })
  })

  it('reports prompt tokens that came from the cache', async () => {
    const { core } = setUp({ 1: idsOf('x') })
    await collect(core, request(range(40, 1)))
    const [first] = await collect(core, request(range(40, 1)))
    expect(first).toMatchObject({ type: 'prompt', num_cached_tokens: 32 })
    expect(core.counters).toMatchObject({ promptTokens: 48, cachedPromptTokens: 32 })
  })

  it('ends an aborted request with what there is and leaves others alone', async () => {
    const { core, kv } = setUp({ 1: idsOf('abcdefghij'), 2: idsOf('the other') })
    const other = collect(core, request([2, 2]))
    const events = await collect(core, request([1, 1]), (event, handle) => {
      if (event.type === 'delta' && event.finish_reason === null) handle.abort()
    })
    expect(events.at(-2)).toMatchObject({ type: 'delta', finish_reason: 'abort' })
    expect(events.at(-1)).toMatchObject({ type: 'done' })
    expect(textOf(await other)).toBe('the other')
    expect(kv.usedCount).toBe(0)
  })

  it('can be aborted before anything has run', async () => {
    const { core, scheduler } = setUp({})
    const events: StreamEvent[] = []
    core.add(request([1]), (event) => events.push(event)).abort()
    expect(events.map((event) => event.type)).toEqual(['prompt', 'delta', 'done'])
    expect(scheduler.hasWork).toBe(false)
  })

  it('ends a sequence whose logits are not finite, and only that', async () => {
    const { core } = setUp({ 1: [...idsOf('a'), FAILED_TOKEN], 2: idsOf('fine') })
    const [failed, fine] = await Promise.all([collect(core, request([1])), collect(core, request([2]))])
    expect(failed.at(-1)).toMatchObject({ type: 'error', name: 'InvalidLogitsError', message: expect.stringMatching(/not finite/) })
    expect(textOf(fine)).toBe('fine')
    expect(textOf(await collect(core, request([2])))).toBe('fine')
  })

  it('ends the requests of a step that could not be run, and serves the next', async () => {
    const { core, runner } = setUp({ 1: idsOf('x'), 2: idsOf('y') })
    runner.failStart = new Error('no such kernel')
    const failed = await collect(core, request([1]))
    expect(failed).toEqual([{ type: 'error', name: 'Error', message: 'no such kernel' }])
    expect(textOf(await collect(core, request([2])))).toBe('y')
  })

  it('ends the requests whose media cannot be encoded, and only those', async () => {
    const { core, runner, media } = setUp({ 1: idsOf('x'), 2: idsOf('y') })
    runner.failEncode = 'bad'
    const [failed, fine] = await Promise.all([
      collect(core, request(range(12, 1), { media: [makeMedia('bad', 2, 5)] })),
      collect(core, request([2, ...range(12)], { media: [makeMedia('good', 2, 5)] })),
    ])
    expect(failed).toEqual([
      { type: 'error', name: 'Error', message: expect.stringMatching(/^Encoding image of geometry .* failed: the encoder broke/) },
    ])
    expect(textOf(fine)).toBe('y')
    expect(media.find('bad')).toBe(undefined)
  })

  it('tells every open request when the device is lost', async () => {
    const { core, runner, kv } = setUp({ 1: idsOf('abcdef'), 2: idsOf('abcdef') })
    let turns = 0
    runner.onFinish = () => {
      if (++turns === 2) core.failAll(deviceLostError('gone'))
    }
    const all = await Promise.all([collect(core, request([1])), collect(core, request([2], { sampling: sampling({ n: 2 }) }))])
    for (const events of all) expect(events.at(-1)).toEqual({ type: 'error', name: 'DeviceLostError', message: 'gone' })
    expect(kv.usedCount).toBe(0)
  })

  it('passes on an error’s code', async () => {
    const { core, runner } = setUp({})
    runner.failStart = withCode(new Error('too large'), 'media_too_large')
    expect(await collect(core, request([1]))).toEqual([{ type: 'error', name: 'Error', message: 'too large', code: 'media_too_large' }])
  })

  it('counts the requests that wait for a place', async () => {
    const { core } = setUp(Object.fromEntries(range(7, 1).map((i) => [i, idsOf('ab')])))
    expect(core.waitingCount).toBe(0)
    const all: Promise<StreamEvent[]>[] = []
    const counts: number[] = []
    for (const i of range(7, 1)) {
      all.push(collect(core, request([i])))
      counts.push(core.waitingCount)
    }
    // Four run together.
    expect(counts).toEqual([0, 0, 0, 0, 1, 2, 3])
    await Promise.all(all)
    expect(core.waitingCount).toBe(0)
  })
})

/** Waits until nothing is under way and nothing new comes of it. */
async function settled(runner: FakeRunner): Promise<void> {
  do await new Promise((resolve) => setTimeout(resolve, 1))
  while (runner.pending > 0)
}

describe('a paused request', () => {
  const LONG = 'a text that is long enough to be stopped in the middle of it'

  it('is computed no further than what is under way, lets others go on, and ends as if nothing had been', async () => {
    const { core, scheduler, runner } = setUp({ 1: idsOf(LONG), 2: idsOf('the other') })
    let handle: RequestHandle | undefined
    const events: StreamEvent[] = []
    const whole = collect(core, request([1], { maxTokens: 60 }), (event, own) => {
      events.push(event)
      if (!handle && event.type === 'delta') {
        handle = own
        own.pause()
      }
    })
    await settled(runner)
    const seen = textOf(events).length
    // The delta during which it was paused, and at most one submit behind it.
    expect(seen).toBeGreaterThan(0)
    expect(seen).toBeLessThan(LONG.length)
    expect(textOf(await collect(core, request([2])))).toBe('the other')
    await settled(runner)
    expect(textOf(events).length).toBe(seen)
    expect([scheduler.running.length, scheduler.hasWork]).toEqual([1, false])
    handle?.resume()
    handle?.resume()
    expect(textOf(await whole)).toBe(LONG)
  })

  it('does not start while it is paused, and wakes the engine when it goes on', async () => {
    const { core, runner } = setUp({ 1: idsOf('ab'), 2: idsOf('cd') })
    const first = collect(core, request([1]))
    let handle: RequestHandle | undefined
    const second = new Promise<StreamEvent[]>((resolve) => {
      const events: StreamEvent[] = []
      handle = core.add(request([2]), (event) => {
        events.push(event)
        if (event.type === 'done') resolve(events)
      })
    })
    handle?.pause()
    expect(textOf(await first)).toBe('ab')
    const { length } = runner.log
    await settled(runner)
    expect(runner.log.length).toBe(length)
    handle?.resume()
    expect(textOf(await second)).toBe('cd')
  })

  it('gives its blocks to others when they run out, and is computed again', async () => {
    const { core, scheduler, runner } = setUp({ 1: idsOf(LONG), 2: idsOf(LONG) }, 6)
    let handle: RequestHandle | undefined
    const paused = collect(core, request(range(30, 1), { maxTokens: 60 }), (event, own) => {
      if (handle || event.type !== 'delta') return
      handle = own
      own.pause()
    })
    await settled(runner)
    expect(scheduler.running.length).toBe(1)
    expect(textOf(await collect(core, request([2, ...range(29, 40)], { maxTokens: 60 })))).toBe(LONG)
    expect([scheduler.running.length, scheduler.waiting.length]).toEqual([0, 1])
    handle?.resume()
    expect(textOf(await paused)).toBe(LONG)
  })

  it('can be aborted, and told anything after its end', async () => {
    const { core, kv, scheduler, runner } = setUp({ 1: idsOf(LONG) })
    let handle: RequestHandle | undefined
    const events = collect(core, request([1]), (event, own) => {
      if (handle || event.type !== 'delta') return
      handle = own
      own.pause()
    })
    await settled(runner)
    handle?.abort()
    expect((await events).at(-2)).toMatchObject({ type: 'delta', finish_reason: 'abort' })
    handle?.pause()
    handle?.resume()
    handle?.abort()
    await settled(runner)
    expect([kv.usedCount, scheduler.hasWork, scheduler.running.length, scheduler.waiting.length]).toEqual([0, false, 0, 0])
  })
})

describe('a request with structured_outputs', () => {
  const choice = (texts: readonly string[], params: object = {}) => ({
    sampling: sampling({ structured_outputs: { choice: texts }, ...params }),
  })

  it('writes only what is allowed, one step at a time, each continuation on its own', async () => {
    const { core, runner, kv } = setUp({ 1: idsOf('maybe not at all') })
    const events = await collect(core, request([1], choice(['no', 'maybe so', 'maybe yes'], { n: 2 })))
    expect([textOf(events), textOf(events, 1)]).toEqual(['maybe so', 'maybe so'])
    expect(events.filter((event) => event.type === 'delta' && event.finish_reason === 'stop').length).toBe(2)
    expect(events.at(-1)).toMatchObject({ type: 'done', usage: { completion_tokens: 16 } })
    expect(runner.log.every((entry) => entry === 'start 1')).toBe(true)
    expect(kv.usedCount).toBe(0)
  })

  it('takes an end token where the text may end, and needs none', async () => {
    const { core } = setUp({ 1: idsOf('yes'), 2: [...idsOf('yes'), ...idsOf('!!')] })
    const [short, long] = await Promise.all([1, 2].map((first) => collect(core, request([first], choice(['yes', 'yes!!'])))))
    expect([textOf(short ?? []), textOf(long ?? [])]).toEqual(['yes', 'yes!!'])
    expect(short?.at(-1)).toMatchObject({ usage: { completion_tokens: 4 } })
    expect(long?.at(-1)).toMatchObject({ usage: { completion_tokens: 5 } })
    // Without end tokens it must go on as long as it can.
    expect(textOf(await collect(core, request([1], choice(['yes', 'yes!!'], { ignore_eos: true }))))).toBe('yes!!')
  })

  it('keeps in step when it is put back, and leaves others alone', async () => {
    const text = 'thirty letters or a few more of them'
    const { core, scheduler } = setUp({ 1: idsOf('x'.repeat(40)), 2: idsOf('a free text of about the same length') }, 5)
    let putBack = 0
    const count = (): void => {
      putBack += scheduler.waiting.filter(({ outputLength }) => outputLength > 0).length
    }
    const [free, strict] = await Promise.all([
      collect(core, request([2, ...range(24, 30)]), count),
      collect(core, request([1, ...range(24, 60)], choice([text, `${text} again`])), count),
    ])
    expect(putBack).toBeGreaterThan(0)
    expect(textOf(free)).toBe('a free text of about the same length')
    expect(textOf(strict)).toBe(`${text} again`)
  })

  it('lets others take many steps again once it has ended', async () => {
    const { core, runner } = setUp({ 1: idsOf('yes'), 2: idsOf('a long answer that goes on') })
    const [other, strict] = await Promise.all([collect(core, request([2])), collect(core, request([1], choice(['yes', 'no'])))])
    expect([textOf(other), textOf(strict)]).toEqual(['a long answer that goes on', 'yes'])
    expect(runner.log.filter((entry) => entry.startsWith('follow')).length).toBeGreaterThan(0)
  })

  it('ends with an error, and no other request does, when no token can go on', async () => {
    const { core, kv } = setUp({ 1: idsOf('abx'), 2: idsOf('the other') })
    const [stuck, other] = await Promise.all([collect(core, request([1], choice(['ab\u4e2d']))), collect(core, request([2]))])
    expect(textOf(stuck)).toBe('ab')
    expect(stuck.at(-1)).toMatchObject({
      type: 'error',
      name: 'InvalidRequestError',
      message: expect.stringMatching(/tokens cannot write/),
    })
    expect(textOf(other)).toBe('the other')
    expect(kv.usedCount).toBe(0)
  })

  it('is refused before anything is taken in if nothing can be written', () => {
    const { core, scheduler } = setUp({})
    const refused: [texts: readonly string[], message: RegExp][] = [
      [['\u4e2d'], /^structured_outputs asks for a text that the model's tokens cannot write/],
      [[''], /^structured_outputs \(choice\) allows nothing but an empty answer/],
    ]
    for (const [texts, message] of refused) expect(() => core.add(request([1], choice(texts)), () => undefined)).toThrow(message)
    expect([scheduler.hasWork, core.waitingCount]).toEqual([false, 0])
  })
})
