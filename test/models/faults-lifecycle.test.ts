import { describe, expect, it } from 'vitest'
import { LLM } from '../../src/index.ts'
import { hostedEngine } from '../support/engine-host.ts'
import { answer, expectHealthy, goldenCase, MODEL, openGolden, rejection, unhandledRejections } from '../support/golden-model.ts'

const unhandled = unhandledRejections()
const LONG = { temperature: 0, max_tokens: 150, ignore_eos: true }
const DISPOSED = 'AbortError: The LLM was disposed of.'

describe('dispose', () => {
  it('ends what is open and what waits, and every later call; a second one is quiet', async () => {
    const llm = await openGolden({ max_num_seqs: 1 })
    const open = ['a', 'b', 'c'].map((prompt) => rejection(llm.generate(prompt, LONG)))
    const stream = llm.stream('d', LONG)
    const first = rejection(stream.next())
    await Promise.all([llm.dispose(), llm.dispose()])
    for (const said of await Promise.all(open)) expect(said).toBe(DISPOSED)
    expect(await first).toBe(DISPOSED)
    for (const late of [
      llm.generate('e'),
      llm.chat([{ role: 'user', content: 'e' }]),
      llm.stream('e').next(),
      llm.stats(),
      llm.tokenize('e'),
      llm.detokenize([1]),
    ]) {
      expect(await rejection(late)).toBe(DISPOSED)
    }
    await llm.dispose()
  })

  it('of a stream’s engine ends the stream with an error and not as if it were complete', async () => {
    const llm = await openGolden()
    const stream = llm.stream('a', LONG)
    await stream.next()
    const rest = rejection(
      (async () => {
        for await (const _ of stream);
      })(),
    )
    await llm.dispose()
    expect(await rest).toBe(DISPOSED)
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })
})

describe('several engines at once', () => {
  it('answer side by side, and one goes without harm to the other', async () => {
    const [one, other] = await Promise.all([openGolden(), openGolden({ enable_prefix_caching: false })])
    const [left, right] = await Promise.all([answer(one, 'image'), answer(other, 'text_only')])
    expect(left.outputs[0]?.token_ids).toEqual(goldenCase('image').generated.token_ids)
    expect(right.outputs[0]?.token_ids).toEqual(goldenCase('text_only').generated.token_ids)
    const [, last] = await Promise.all([one.dispose(), answer(other, 'batch_1')])
    expect(last.outputs[0]?.token_ids).toEqual(goldenCase('batch_1').generated.token_ids)
    await expectHealthy(other)
    await other.dispose()
  })

  it('a listener that throws does no harm', async () => {
    const llm = await LLM.create({
      model: MODEL,
      dtype: 'float32',
      max_model_len: 128,
      worker: hostedEngine(),
      onProgress: () => {
        throw new Error('a listener’s own affair')
      },
    })
    await expectHealthy(llm)
    await llm.dispose()
  })
})

describe('fifty requests at once', () => {
  it('all give what they give one after another, though more wait than run', async () => {
    const llm = await openGolden({ max_num_seqs: 6, max_num_batched_tokens: 48, kv_cache_memory_bytes: 20 * 8192, worker: hostedEngine() })
    const prompts = Array.from({ length: 50 }, (_, i) => `${i} ${'is it so, or not? '.repeat(i % 5)}`)
    const sampling = prompts.map((_, i) => ({ temperature: 0, max_tokens: 4 + (i % 9), ignore_eos: true, repetition_penalty: 1 }))
    const together = await llm.generate(prompts, sampling)
    const serial = []
    for (const [i, prompt] of prompts.entries()) serial.push(...(await llm.generate({ prompt, cache_salt: 'serial' }, sampling[i])))
    expect(together.map(({ prompt }) => prompt)).toEqual(prompts)
    expect(together.map(({ outputs: [first] }) => first?.token_ids)).toEqual(serial.map(({ outputs: [first] }) => first?.token_ids))
    await expectHealthy(llm)
    // Memory does not grow with the number of requests: what they share has been made.
    const { gpu_bytes } = await llm.stats()
    for (let round = 0; round < 2; round++) await llm.generate(prompts, sampling)
    expect(Math.abs((await llm.stats()).gpu_bytes / gpu_bytes - 1)).toBeLessThan(0.05)
    await llm.dispose()
  })

  it('one bad request among them ends the batch with its own error, and requests apart from it go on', async () => {
    const llm = await openGolden({ worker: hostedEngine() })
    const apart = answer(llm, 'text_only')
    const said = await rejection(llm.generate(['good', { prompt_token_ids: [9999] }, 'good too'], LONG))
    expect(said).toMatch(/^InvalidRequestError: .*9999/)
    expect((await apart).outputs[0]?.token_ids).toEqual(goldenCase('text_only').generated.token_ids)
    await expectHealthy(llm)
    await llm.dispose()
  })

  it('no rejection is left unhandled', () => expect(unhandled).toEqual([]))
})
