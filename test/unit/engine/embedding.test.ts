import { describe, expect, it } from 'vitest'
import { checkPooling, type PromptRules, toEmbedding, withConventions } from '../../../src/engine/embedding.ts'
import { EncoderCache } from '../../../src/engine/encoder-cache.ts'
import { EngineCore } from '../../../src/engine/engine-core.ts'
import { KvCache } from '../../../src/engine/kv-cache.ts'
import type { Runner } from '../../../src/engine/model-runner.ts'
import type { AcceptedRequest } from '../../../src/engine/request.ts'
import { Scheduler } from '../../../src/engine/scheduler.ts'
import type { EngineRequest } from '../../../src/protocol/engine-api.ts'
import type { StreamEvent } from '../../../src/protocol/stream-events.ts'
import { fakeTokenizer } from './fake-tokenizer.ts'
import { range, sampling } from './make-sequence.ts'

describe('toEmbedding', () => {
  it('cuts first and then brings to length 1', () => {
    expect([...toEmbedding(Float32Array.of(3, 4, 100), 2)]).toEqual([Math.fround(0.6), Math.fround(0.8)])
    expect([...toEmbedding(Float32Array.of(0, -2))]).toEqual([0, -1])
  })

  it('leaves nothing as it is, and refuses what is not finite', () => {
    expect([...toEmbedding(new Float32Array(2))]).toEqual([0, 0])
    expect(() => toEmbedding(Float32Array.of(1, Number.NaN))).toThrow('not finite')
    expect([...toEmbedding(Float32Array.of(1, Number.NaN), 1)]).toEqual([1])
  })
})

describe('checkPooling', () => {
  it('takes sizes up to the model’s, if its vectors can be cut', () => {
    expect(checkPooling({}, { cuts: false }, 8)).toEqual({})
    expect(checkPooling({ dimensions: null }, { cuts: false }, 8)).toEqual({})
    expect(checkPooling({ dimensions: 8 }, { cuts: false }, 8)).toEqual({ dimensions: 8 })
    expect(checkPooling({ dimensions: 3 }, { cuts: true }, 8)).toEqual({ dimensions: 3 })
  })

  for (const [given, cuts, words] of [
    [3, true, 'pooling must be an object such as { dimensions: 512 }, got 3'],
    [{ dimensions: 0 }, true, 'dimensions must be an integer from 1 to 8, got 0'],
    [{ dimensions: 9 }, true, 'dimensions must be an integer from 1 to 8, got 9'],
    [{ dimensions: '4' }, true, 'dimensions must be an integer from 1 to 8, got "4"'],
    [{ dimensions: 4 }, false, 'dimensions is 4, but this model’s vectors cannot be cut'],
  ] as const)
    it(`refuses ${JSON.stringify(given)}${cuts ? '' : ' where they cannot'}`, () => {
      expect(() => checkPooling(given, { cuts }, 8)).toThrow(words.replace('’', "'"))
    })
})

describe('withConventions', () => {
  const rules: PromptRules = { cuts: true, turnMark: '<|turn|>', blankPicture: 2 }
  const request = (input: EngineRequest['input'], media: EngineRequest['media'] = {}): EngineRequest => ({
    request_id: 'r',
    input,
    media,
    sampling: {},
    pooling: {},
  })
  const black = { kind: 'rgba', width: 2, height: 2, data: Uint8ClampedArray.of(0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255) }
  const picture = { kind: 'url' as const, url: 'http://x/a.png' }
  const text = { type: 'text', text: 'a' }

  it('makes bare text a message behind its media, or behind a black picture', () => {
    const bare = withConventions(request({ prompt: 'a' }), rules)
    expect(bare.input).toEqual({ messages: [{ role: 'user', content: [{ type: 'image' }, text] }], chat: {} })
    expect(bare.media).toEqual({ image: [black] })
    const two = withConventions(request({ prompt: 'a' }, { image: [picture, picture] }), rules)
    expect(two.input).toEqual({ messages: [{ role: 'user', content: [{ type: 'image' }, { type: 'image' }, text] }], chat: {} })
    expect(two.media).toEqual({ image: [picture, picture] })
  })

  it('adds the picture to the last message of a user', () => {
    const system = { role: 'system' as const, content: 's' }
    const user = { role: 'user' as const, content: 'a' }
    const { input } = withConventions(request({ messages: [system, user, user], chat: {} }), rules)
    expect(input).toEqual({ messages: [system, user, { role: 'user', content: [{ type: 'image' }, text] }], chat: {} })
  })

  it('leaves finished prompts, token ids and families without conventions alone', () => {
    for (const input of [{ prompt: '<|turn|>a' }, { prompt_token_ids: [1] }])
      expect(withConventions(request(input), rules)).toEqual(request(input))
    expect(withConventions(request({ prompt: 'a' }), { cuts: false })).toEqual(request({ prompt: 'a' }))
  })
})

describe('requests of embeddings in the engine', () => {
  /** The hidden state of a prompt is its length and its last token. */
  function setUp(hidden = (tokens: readonly number[]) => Float32Array.of(tokens.length, tokens.at(-1) ?? 0)) {
    const chunks: number[] = []
    const runner: Runner = {
      encode: async () => {},
      start: async ({ rows }) => {
        chunks.push(...rows.map(({ count }) => count))
        const outputs = rows.map((row) => {
          const state = row.samples ? hidden(row.sequence.tokens) : undefined
          return { row, tokens: [], prompt: [], hidden: state }
        })
        return { finished: Promise.resolve(outputs) }
      },
      follow: () => Promise.reject(new Error('there is nothing to follow')),
      release: () => {},
    }
    const kv = new KvCache(40)
    const media = new EncoderCache(50)
    const scheduler = new Scheduler(kv, media, { maxSequences: 2, maxTokens: 32, maxPromptRows: 4 })
    return { kv, scheduler, chunks, core: new EngineCore({ scheduler, media, runner, tokenizer: fakeTokenizer }) }
  }

  let arrival = 0
  const accepted = (promptTokens: readonly number[], pooling: AcceptedRequest['pooling'] = {}): AcceptedRequest => ({
    id: `r${arrival}`,
    promptText: null,
    promptTokens,
    media: [],
    positions: new Int32Array(3 * promptTokens.length),
    nextPosition: promptTokens.length,
    sampling: sampling(),
    pooling,
    maxTokens: 1,
    priority: 0,
    arrival: arrival++,
    cacheSalt: '',
  })
  const run = (core: EngineCore, request: AcceptedRequest): Promise<StreamEvent[]> =>
    new Promise((resolve) => {
      const events: StreamEvent[] = []
      core.add(request, (event) => {
        events.push(event)
        if (event.type === 'done' || event.type === 'error') resolve(events)
      })
    })

  it('end with their prompt, however many pieces it is computed in', async () => {
    const { core, kv, scheduler, chunks } = setUp()
    const lengths = [1, 3, 40, 70, 17]
    const all = await Promise.all(lengths.map((length) => run(core, accepted(range(length, 100 * length)))))
    for (const [i, events] of all.entries()) {
      const length = lengths[i] as number
      expect(events.map(({ type }) => type)).toEqual(['prompt', 'embedding', 'done'])
      const last = 100 * length + length - 1
      expect(events[1]).toEqual({ type: 'embedding', embedding: toEmbedding(Float32Array.of(length, last)) })
      expect(events[2]).toEqual({ type: 'done', usage: { prompt_tokens: length, completion_tokens: 0, total_tokens: length } })
    }
    expect(chunks.reduce((sum, count) => sum + count, 0)).toBe(131)
    expect([scheduler.running.length, scheduler.waiting.length, kv.usedCount]).toEqual([0, 0, 0])
    expect(core.counters).toMatchObject({ generatedTokens: 0, promptTokens: 131 })
  })

  it('take all but the last token from the prefix cache', async () => {
    const { core, chunks } = setUp()
    const prompt = range(48, 7)
    await run(core, accepted(prompt))
    chunks.length = 0
    const [said, vector] = await run(core, accepted(prompt, { dimensions: 1 }))
    expect(said).toMatchObject({ num_cached_tokens: 32 })
    expect(chunks).toEqual([16])
    expect(vector).toEqual({ type: 'embedding', embedding: Float32Array.of(1) })
  })

  it('fail alone when their hidden state is not finite', async () => {
    const { core, kv } = setUp((tokens) => Float32Array.of(tokens.length === 3 ? Number.NaN : 1))
    const [bad, good] = await Promise.all([run(core, accepted(range(3))), run(core, accepted(range(4)))])
    expect(bad?.at(-1)).toMatchObject({ type: 'error', name: 'InvalidLogitsError' })
    expect(good?.at(-1)?.type).toBe('done')
    expect(kv.usedCount).toBe(0)
  })

  it('end without a vector when they are aborted', async () => {
    const { core, kv } = setUp()
    const events: StreamEvent[] = []
    core.add(accepted(range(5)), (event) => events.push(event)).abort()
    expect(events.map(({ type }) => type)).toEqual(['prompt', 'done'])
    await run(core, accepted(range(2)))
    expect(kv.usedCount).toBe(0)
  })
})
