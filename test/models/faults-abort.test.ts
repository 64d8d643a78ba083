import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LLM, LLMOptions, ProgressEvent, RequestOutput } from '../../src/index.ts'
import { answer, expectHealthy, goldenCase, idle, openGolden, PICTURE, rejection, unhandledRejections } from '../support/golden-model.ts'
import { inputUrl } from '../support/goldens.ts'
import { seededRandom } from '../support/random.ts'

const unhandled = unhandledRejections()
const LONG = { temperature: 0, max_tokens: 150, ignore_eos: true }
const ABORTED = /^AbortError: /

let llm: LLM
beforeAll(async () => {
  // Few tokens a step, so that a prompt takes several.
  llm = await openGolden({ max_num_batched_tokens: 32 })
})
afterAll(() => llm.dispose())

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Aborts a load as soon as an event fits. */
async function abortLoadAt(fits: (event: ProgressEvent, count: number) => boolean, options: Partial<LLMOptions> = {}): Promise<string> {
  const controller = new AbortController()
  let count = 0
  const onProgress = (event: ProgressEvent): void => {
    if (fits(event, count++)) controller.abort()
  }
  return rejection(openGolden({ ...options, signal: controller.signal, onProgress }))
}

describe('a load that is aborted', () => {
  it('before it began does nothing', async () => {
    expect(await rejection(openGolden({ signal: AbortSignal.abort() }))).toMatch(ABORTED)
    expect(await rejection(openGolden({ signal: AbortSignal.abort(new Error('changed my mind')) }))).toBe('Error: changed my mind')
  })

  const moments: [what: string, fits: (event: ProgressEvent, count: number) => boolean][] = [
    ['at its first event', (_, count) => count === 0],
    ['while small files are read', ({ file, status }) => file === 'tokenizer.json' && status === 'done'],
    ['when weights begin', ({ file, status }) => status === 'initiate' && file === 'model-00001-of-00002.safetensors'],
    ['between two shards', ({ file, status }) => status === 'done' && file === 'model-00001-of-00002.safetensors'],
    ['when kernels are compiled', ({ status }) => status === 'compile'],
    ['while it warms up', ({ status }) => status === 'warmup'],
  ]
  for (const [what, fits] of moments) it(`${what} ends with AbortError`, async () => expect(await abortLoadAt(fits)).toMatch(ABORTED))

  it('after some milliseconds ends with the signal’s own reason', async () => {
    const random = seededRandom(7)
    const said = await Promise.all(
      Array.from({ length: 4 }, () => rejection(openGolden({ signal: AbortSignal.timeout(1 + 300 * random()) }))),
    )
    for (const reason of said) expect(reason).toMatch(/^TimeoutError: /)
  })

  it('leaves room for the next one', async () => {
    const next = await openGolden()
    await expectHealthy(next)
    await next.dispose()
  })
})

describe('a request that is aborted', () => {
  it('before it began never reaches the engine', async () => {
    const before = await llm.stats()
    expect(await rejection(llm.generate('x', LONG, { signal: AbortSignal.abort() }))).toMatch(ABORTED)
    expect(await rejection(llm.stream('x', LONG, { signal: AbortSignal.abort() }).next())).toMatch(ABORTED)
    expect((await llm.stats()).steps).toBe(before.steps)
  })

  it('right after it was made, before its first token, and between tokens', async () => {
    for (const tokens of [0, 1, 5]) {
      const controller = new AbortController()
      const stream = llm.stream('x', LONG, { signal: controller.signal })
      const first = stream.next()
      if (tokens === 0) controller.abort()
      const seen = (async () => {
        await first
        for (let i = 1; i < tokens; i++) await stream.next()
        controller.abort()
        for await (const _ of stream);
      })()
      expect(await rejection(seen)).toMatch(ABORTED)
    }
    await expectHealthy(llm)
  })

  it('while its picture is fetched and decoded', async () => {
    for (const wait of [0, 2, 6]) {
      const controller = new AbortController()
      const image = inputUrl('images/wide.png')
      const said = rejection(llm.generate({ prompt: PICTURE, multi_modal_data: { image } }, LONG, { signal: controller.signal }))
      await pause(wait)
      controller.abort()
      expect(await said).toMatch(ABORTED)
    }
    await expectHealthy(llm, 'batch_2')
  })

  it('in a long prompt ends at the next chunk, and its half-written blocks are not taken over', async () => {
    const prompt_token_ids = Array.from({ length: 220 }, (_, i) => 60 + (i % 200))
    const sampling = { temperature: 0, max_tokens: 4, ignore_eos: true }
    const controller = new AbortController()
    const { prompt_tokens: before } = await llm.stats()
    const said = rejection(llm.generate({ prompt_token_ids }, sampling, { signal: controller.signal }))
    while ((await llm.stats()).prompt_tokens === before);
    controller.abort()
    expect(await said).toMatch(ABORTED)
    await idle(llm)
    expect((await llm.stats()).prompt_tokens - before).toBeLessThan(220)
    const [resumed] = await llm.generate({ prompt_token_ids }, sampling)
    const [fresh] = await llm.generate({ prompt_token_ids, cache_salt: 'fresh' }, sampling)
    expect(fresh?.num_cached_tokens).toBe(0)
    expect(resumed?.outputs[0]?.token_ids).toEqual(fresh?.outputs[0]?.token_ids)
  })

  it('by leaving its stream ends quietly', async () => {
    for await (const chunk of llm.stream('x', LONG)) if (chunk.token_ids.length > 0) break
    await llm.stream('x', LONG).return()
    await expectHealthy(llm)
  })

  it('with n continuations gives all of them up', async () => {
    const sampling = { n: 4, seed: 1, temperature: 1, max_tokens: 150, ignore_eos: true }
    for await (const chunk of llm.stream('x', sampling)) if (chunk.index === 3) break
    await expectHealthy(llm)
  })
})

describe('sixty requests, aborted at random moments or not at all', () => {
  it('end as they were told to, those that ran to the end with the right answer, and leave nothing behind', async () => {
    const random = seededRandom(2024)
    const cases = ['image', 'batch_1', 'text_only', 'pixel_limits_in_request', 'batch_0']
    const work = Array.from({ length: 60 }, async (_, i) => {
      const name = cases[i % cases.length] as string
      const [start, life, spared] = [200 * random(), 10 ** (3.3 * random()), random() < 0.2]
      await pause(start)
      if (spared) return { name, output: await answer(llm, name) }
      const controller = new AbortController()
      setTimeout(() => controller.abort(), life)
      const ended = await runAborted(name, controller.signal, i % 2 === 0)
      return { name, ended }
    })
    const ends: { name: string; output?: RequestOutput; ended?: string }[] = await Promise.all(work)
    for (const { name, output, ended } of ends) {
      if (output) expect(output.outputs[0]?.token_ids).toEqual(goldenCase(name).generated.token_ids)
      else expect(ended).toMatch(/^(AbortError: |nothing: it succeeded)/)
    }
    expect(ends.filter(({ ended }) => ended?.startsWith('AbortError')).length).toBeGreaterThan(30)
    await expectHealthy(llm)
    await expectHealthy(llm, 'image')
  })

  it('and so do fifty whose time runs out', async () => {
    const short = Array.from({ length: 50 }, (_, i) => rejection(llm.generate(`late ${i}`, LONG, { signal: AbortSignal.timeout(5) })))
    for (const said of await Promise.all(short)) expect(said).toMatch(/^TimeoutError: /)
    await expectHealthy(llm)
  })

  it('no rejection is left unhandled', () => expect(unhandled).toEqual([]))
})

/** A request like a golden case's, whole or as a stream, that goes on longer than its signal. */
async function runAborted(name: string, signal: AbortSignal, whole: boolean): Promise<string> {
  const { prompt = `case ${name}`, multi_modal_data } = goldenCase(name).request
  const images = Array.isArray(multi_modal_data?.image) ? multi_modal_data.image.map(inputUrl) : []
  const input = {
    prompt: prompt.includes('image_pad') ? prompt : `case ${name}`,
    multi_modal_data: prompt.includes('image_pad') ? { image: images } : {},
  }
  if (whole) return rejection(llm.generate(input, LONG, { signal }))
  return rejection(
    (async () => {
      for await (const _ of llm.stream(input, LONG, { signal }));
    })(),
  )
}
