import { describe, expect, it } from 'vitest'
import { EncoderCache } from '../../../src/engine/encoder-cache.ts'
import { EngineCore } from '../../../src/engine/engine-core.ts'
import { KvCache } from '../../../src/engine/kv-cache.ts'
import type { AcceptedRequest } from '../../../src/engine/request.ts'
import { Scheduler } from '../../../src/engine/scheduler.ts'
import { FAILED_TOKEN } from '../../../src/engine/step-output.ts'
import type { StreamEvent } from '../../../src/protocol/stream-events.ts'
import { deviceLostError } from '../../../src/util/errors.ts'
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
  onEvent?: (event: StreamEvent, abort: () => void) => void,
): Promise<StreamEvent[]> {
  return new Promise((resolve) => {
    const events: StreamEvent[] = []
    let handle = { abort: (): void => undefined }
    handle = core.add(accepted, (event) => {
      events.push(event)
      onEvent?.(event, () => handle.abort())
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
    const events = await collect(core, request([1, 1]), (event, abort) => {
      if (event.type === 'delta' && event.finish_reason === null) abort()
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
    expect(failed.at(-1)).toMatchObject({ type: 'error', message: expect.stringMatching(/not finite/) })
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
})
