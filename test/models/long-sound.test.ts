import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LLM, type Prompt, type RequestOutput } from '../../src/index.ts'
import { flacFile } from '../support/flac-file.ts'
import { floatsOf, sweep } from '../support/sound-clip.ts'

const RATE = 16_000
/**
 * A clip of 40 s: the same burst of sound in each second, at pitches of its own, silent where the seconds meet. The first is repeated at 31 s,
 * so that 30 s and the rest are equally loud, and each has the spectrogram that it would have alone.
 */
const clip = Int16Array.from({ length: 40 * RATE }, (_, i) => {
  const [second, t] = [Math.floor(i / RATE), (i % RATE) / RATE]
  const envelope = t < 0.1 || t > 0.9 ? 0 : Math.sin(Math.PI * ((t - 0.1) / 0.8))
  const isLoud = second === 1 || second === 31
  return Math.round((isLoud ? 20_000 : 5000) * envelope * Math.sin(2 * Math.PI * (isLoud ? 440 : 200 + 37 * second) * t))
})

let llm: LLM
beforeAll(async () => {
  llm = await LLM.create({
    model: '/test/goldens/ultravox/checkpoint',
    max_model_len: 640,
    dtype: 'float32',
    limit_mm_per_prompt: { audio: 2 },
  })
})
afterAll(() => llm.dispose())

const text = (words: string, ...audio: unknown[]): Prompt => ({ prompt: words, multi_modal_data: { audio } }) as Prompt
const run = async (prompt: Prompt): Promise<RequestOutput> =>
  (await llm.generate(prompt, { max_tokens: 8, temperature: 0, ignore_eos: true, logprobs: 1 }))[0] as RequestOutput

describe('a clip longer than 30 s', () => {
  it('is heard in pieces of 30 s, one behind the other, in every form', async () => {
    const samples = floatsOf(clip)
    const whole = await run(text('Listen: <|audio|> What?', [samples, RATE]))
    const short = await run(text('Listen: <|audio|> What?', [samples.subarray(0, RATE), RATE]))
    // 188 tokens for 30 s and 63 for 10 s; 7 for one second.
    expect((whole.prompt_token_ids?.length ?? 0) - (short.prompt_token_ids?.length ?? 0)).toBe(188 + 63 - 7)
    const file = await run(text('Listen: <|audio|> What?', new Blob([flacFile([clip], RATE)])))
    expect(file.prompt_token_ids).toEqual(whole.prompt_token_ids)
    expect(file.outputs[0]?.token_ids).toEqual(whole.outputs[0]?.token_ids)
    const again = await run({ prompt_token_ids: whole.prompt_token_ids, multi_modal_data: { audio: [[samples, RATE]] } } as Prompt)
    expect(again.outputs[0]?.token_ids).toEqual(whole.outputs[0]?.token_ids)
  })

  it('gives the answer of its pieces as clips of their own', async () => {
    const samples = floatsOf(clip)
    const whole = await run(text('Listen: <|audio|> What?', [samples, RATE]))
    const parts = [samples.subarray(0, 30 * RATE), samples.subarray(30 * RATE)].map((part) => [part, RATE])
    const apart = await run(text('Listen: <|audio|><|audio|> What?', ...parts))
    expect(whole.prompt_token_ids).toEqual(apart.prompt_token_ids)
    expect(whole.outputs[0]?.token_ids).toEqual(apart.outputs[0]?.token_ids)
    expect(whole.outputs[0]?.logprobs).toEqual(apart.outputs[0]?.logprobs)
  })

  it('counts as one clip, beside others', async () => {
    const [other = new Int16Array(0)] = sweep(RATE, RATE)
    const { prompt_token_ids: ids } = await run(text('<|audio|><|audio|>', [floatsOf(clip), RATE], [floatsOf(other), RATE]))
    // BOS, 40 s and 1 s.
    expect(ids?.length).toBe(1 + 188 + 63 + 7)
  })

  it('is heard to its end: another ending is another answer', async () => {
    const samples = floatsOf(clip)
    const changed = samples.slice()
    changed.fill(0, 35 * RATE)
    const logprobs = async (sound: Float32Array): Promise<number[]> => {
      const [first = {}] = (await run(text('<|audio|>', [sound, RATE]))).outputs[0]?.logprobs ?? []
      return Object.values(first ?? {}).map(({ logprob }) => logprob)
    }
    const before = await logprobs(samples)
    expect(await logprobs(changed)).not.toEqual(before)
    expect(await logprobs(samples)).toEqual(before)
  })

  it('may be a single frame longer', async () => {
    const { prompt_token_ids: ids } = await run(text('<|audio|>', [new Float32Array(30 * RATE + 160), RATE]))
    expect(ids?.length).toBe(1 + 188 + 1)
  })
})
