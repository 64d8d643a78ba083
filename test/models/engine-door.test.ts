import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EngineRequest } from '../../src/protocol/engine-api.ts'
import { type EngineDoor, openDoor } from '../support/engine-door.ts'
import { hostedEngine } from '../support/engine-host.ts'
import { PICTURE, rejection, unhandledRejections } from '../support/golden-model.ts'
import { inputUrl } from '../support/goldens.ts'

const unhandled = unhandledRejections()
const LONG = { temperature: 0, max_tokens: 150, ignore_eos: true }
const stamp = new URL(inputUrl('images/stamp.png'), location.href).href

let door: EngineDoor
beforeAll(async () => {
  door = await openDoor(hostedEngine(), { max_num_seqs: 2, max_waiting_requests: 3, limit_mm_per_prompt: { image: 2 } })
})
afterAll(async () => {
  await door.engine.dispose()
})

/** The engine holds nothing any more. */
async function expectIdle(): Promise<void> {
  await door.idle()
  expect(await door.engine.stats()).toMatchObject({ running: 0, waiting: 0, kv_blocks_used: 0 })
}

/** Locks of this name that are held or waited for. */
async function locksNamed(name: string): Promise<string[]> {
  const { held = [], pending = [] } = await navigator.locks.query()
  return [...held.map((lock) => ({ ...lock, state: 'held' })), ...pending.map((lock) => ({ ...lock, state: 'pending' }))]
    .filter((lock) => lock.name === name)
    .map(({ state }) => state)
}

/** Holds a lock until told to let go. */
function hold(name: string): Promise<() => void> {
  return new Promise((held) => {
    void navigator.locks.request(name, () => new Promise<void>((free) => held(free)))
  })
}

/** Resolves once the locks of this name are in these states. The test's own time limit ends it if that never comes. */
async function untilLocks(name: string, states: readonly string[]): Promise<void> {
  while ((await locksNamed(name)).join() !== states.join()) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('the engine’s door', () => {
  it('says what the model is for and how it writes tool calls', async () => {
    expect(door.info).toMatchObject({ task: 'generate', tool_format: null, modalities: ['image', 'video'] })
    const template = "{{ '<tool_call>' if tools }}{{ messages[0].content }}"
    const other = await openDoor(hostedEngine(), { chat_template: template })
    expect(other.info.tool_format).toBe('hermes')
    await other.engine.dispose()
  })

  it('reads texts and conversations as tokens with their texts, media as one placeholder each', async () => {
    const text = await door.engine.tokenize({ prompt: 'one two' })
    expect(text.token_strs.join('')).toBe('one two')
    expect(text.token_strs.length).toBe(text.tokens.length)
    const messages = [{ role: 'user' as const, content: [{ type: 'image' as const }, { type: 'text' as const, text: 'What?' }] }]
    const chat = await door.engine.tokenize({ messages, chat: {} })
    expect(chat.token_strs.filter((piece) => piece === '<|image_pad|>').length).toBe(1)
    expect(await door.engine.detokenize(chat.tokens)).toBe(chat.token_strs.join(''))
    expect(await rejection(door.engine.tokenize({ messages: [], chat: {} }))).toMatch(/^InvalidRequestError: messages must hold/)
    expect(await rejection(door.engine.tokenize({ prompt: 5 as never }))).toMatch(/^InvalidRequestError: prompt must be a string/)
  })

  it('ends a request that its reader aborts with what there is, and frees it', async () => {
    const request = door.open({ sampling: LONG })
    await request.tokens(3)
    request.post('abort')
    expect(await request.last).toMatchObject({ type: 'done' })
    expect(request.events.some((event) => event.type === 'delta' && event.finish_reason === 'abort')).toBe(true)
    await expectIdle()
  })

  it('holds a paused request where it is while others go on, and continues it with the same tokens', async () => {
    const sampling = { temperature: 0, max_tokens: 60, ignore_eos: true }
    const tokensOf = (request: ReturnType<EngineDoor['open']>) =>
      request.events.flatMap((event) => (event.type === 'delta' ? event.token_ids : []))
    const whole = door.open({ sampling })
    await whole.last
    const paused = door.open({ sampling })
    await paused.tokens(5)
    paused.post('pause')
    const other = door.open({ input: { prompt: 'b' }, sampling })
    await other.last
    const { length } = tokensOf(paused)
    expect(length).toBeLessThan(60)
    const another = door.open({ input: { prompt: 'c' }, sampling })
    await another.last
    expect(tokensOf(paused).length).toBe(length)
    paused.post('resume')
    expect(await paused.last).toMatchObject({ type: 'done', usage: { completion_tokens: 60 } })
    expect(tokensOf(paused)).toEqual(tokensOf(whole))
    await expectIdle()
  })

  it('refuses what cannot be read with a code that crosses to the page', async () => {
    const refused = (request: Partial<EngineRequest>) => door.open(request).accepted.catch((error: unknown) => error)
    const image = (url: string) => ({ input: { prompt: PICTURE }, media: { image: [{ kind: 'url' as const, url }] } })
    expect(await refused(image(new URL('/no/such.png', location.href).href))).toMatchObject({ name: 'MediaError' })
    expect(await refused(image('ftp://host/a.png'))).toMatchObject({ name: 'MediaError', code: 'unsupported_url_scheme' })
    expect(await refused(image('http://127.0.0.1:1/a.png'))).toMatchObject({ name: 'MediaError', code: 'media_fetch_failed' })
    expect(await refused({ media: { image: Array.from({ length: 3 }, () => ({ kind: 'url', url: stamp }) as const) } })).toMatchObject({
      name: 'InvalidRequestError',
      code: 'too_many_images',
    })
    expect(await refused({ input: { prompt_token_ids: new Array(300).fill(1) } })).toMatchObject({ name: 'ContextLengthError' })
    expect(await refused({ reader_lock: 5 as never })).toMatchObject({ name: 'InvalidRequestError' })
    await expectIdle()
  })

  it('knows a picture by its uuid when it comes without its content', async () => {
    const answerTo = async (image: object): Promise<number[]> => {
      const request = door.open({
        input: { prompt: PICTURE },
        media: { image: [image as never] },
        sampling: { temperature: 0, max_tokens: 4, ignore_eos: true },
        cache_salt: crypto.randomUUID(),
      })
      await request.accepted
      await request.last
      return request.events.flatMap((event) => (event.type === 'delta' ? event.token_ids : []))
    }
    expect(await rejection(answerTo({ kind: 'cached', uuid: 'stamp' }))).toMatch(
      /^InvalidRequestError: The image was left out, but nothing/,
    )
    const sent = await answerTo({ kind: 'url', url: stamp, uuid: 'stamp' })
    expect(await answerTo({ kind: 'cached', uuid: 'stamp' })).toEqual(sent)
    await expectIdle()
  })
})

describe('a queue that is full', () => {
  it('refuses the next request, takes those that were in it to their ends, and is open again', async () => {
    const sampling = { temperature: 0, max_tokens: 40, ignore_eos: true }
    const open = () => door.open({ sampling })
    const running = [open(), open()]
    for (const request of running) await request.tokens(1)
    const waiting = [open(), open(), open()]
    for (const request of waiting) await request.accepted
    expect(await rejection(open().accepted)).toMatch(/^QueueFullError: 3 requests are waiting already, as many as max_waiting_requests/)
    for (const request of [...running, ...waiting]) expect(await request.last).toMatchObject({ type: 'done' })
    await open().last
    await expectIdle()
  })

  it('counts requests that are still being prepared', async () => {
    const all = Array.from({ length: 12 }, () => door.open({ sampling: { max_tokens: 2 } }))
    const ends = await Promise.all(all.map((request) => rejection(request.accepted)))
    const refused = ends.filter((end) => end.startsWith('QueueFullError'))
    expect(refused.length).toBeGreaterThan(0)
    expect(12 - refused.length).toBeGreaterThan(4)
    for (const [i, request] of all.entries()) if (!ends[i]?.startsWith('QueueFullError')) await request.last
    await expectIdle()
  })
})

describe('a reader that holds a lock', () => {
  it('ends its request by letting go of it', async () => {
    const free = await hold('reader 1')
    const request = door.open({ sampling: LONG, reader_lock: 'reader 1' })
    await request.tokens(3)
    await untilLocks('reader 1', ['held', 'pending'])
    free()
    expect(await request.last).toMatchObject({ type: 'done' })
    expect(request.events.some((event) => event.type === 'delta' && event.finish_reason === 'abort')).toBe(true)
    await untilLocks('reader 1', [])
    await expectIdle()
  })

  it('ends it also while it waits, and while it is being prepared', async () => {
    const running = [door.open({ sampling: LONG }), door.open({ sampling: LONG })]
    for (const request of running) await request.tokens(1)
    const free = await hold('reader 2')
    const waiting = door.open({ sampling: LONG, reader_lock: 'reader 2' })
    await waiting.accepted
    free()
    expect(await waiting.last).toMatchObject({ type: 'done', usage: { completion_tokens: 0 } })
    for (const request of running) request.post('abort')

    const letGo = await hold('reader 3')
    const image = { kind: 'url' as const, url: new URL('/never-answers', location.href).href }
    const preparing = door.open({ input: { prompt: PICTURE }, media: { image: [image] }, reader_lock: 'reader 3' })
    await untilLocks('reader 3', ['held', 'pending'])
    letGo()
    expect(await rejection(preparing.accepted)).toMatch(/^AbortError: /)
    await untilLocks('reader 3', [])
    await expectIdle()
  })

  it('finds no wait for its lock left when requests have ended by themselves', async () => {
    const free = await hold('reader 4')
    const good = door.open({ sampling: { max_tokens: 2 }, reader_lock: 'reader 4' })
    const bad = door.open({ input: { prompt: '' }, reader_lock: 'reader 4' })
    expect(await good.last).toMatchObject({ type: 'done' })
    expect(await rejection(bad.accepted)).toMatch(/^InvalidRequestError/)
    await untilLocks('reader 4', ['held'])
    free()
    await untilLocks('reader 4', [])
    await expectIdle()
  })

  it('no rejection is left unhandled', () => expect(unhandled).toEqual([]))
})
