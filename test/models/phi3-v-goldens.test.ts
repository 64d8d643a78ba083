import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LLM, type RequestOutput } from '../../src/index.ts'
import { describeFloat16, expectExact, itEqualsTheReference } from '../support/golden-checks.ts'
import { rejection } from '../support/golden-model.ts'
import { type GoldenCase, inputUrl, readGolden, runCase } from '../support/goldens.ts'

const golden = await readGolden('phi3_v')
const MODEL = '/test/goldens/phi3_v/checkpoint'
/** Tokens up to which the short factors hold. */
const ORIGINAL = 128

const open = (options: object): Promise<LLM> => LLM.create({ model: MODEL, max_model_len: 256, max_num_seqs: 8, ...options })
const named = (name: string): GoldenCase => golden.cases.find((candidate) => candidate.name === name) as GoldenCase

describe('phi3_v in float32 through the public API', () => {
  let llm: LLM
  beforeAll(async () => {
    llm = await open({ dtype: 'float32' })
  })
  afterAll(() => llm.dispose())

  itEqualsTheReference('phi3_v', golden, () => llm)

  it('gives the same answers from the prefix cache', async () => {
    const { prompt_logprobs: _, ...sampling } = golden.sampling_params
    for (const name of ['image', 'num_crops_16_long_rope', 'text_long_rope']) {
      await runCase(llm, 'phi3_v', named(name), sampling)
      const again = await runCase(llm, 'phi3_v', named(name), sampling)
      expect(again.num_cached_tokens).toBeGreaterThan(0)
      expect(again.outputs[0]?.token_ids).toEqual(named(name).generated.token_ids)
    }
  })

  it('places pictures that stand in chat messages as parts', async () => {
    const expected = named('chat_image')
    const content = [
      { type: 'image' as const, image: inputUrl('images/gray.png') },
      { type: 'text' as const, text: 'What is gray here? Ça va?' },
    ]
    const [output] = await llm.chat(
      [
        { role: 'system', content: 'Answer briefly.' },
        { role: 'user', content },
      ],
      golden.sampling_params,
    )
    expectExact(output as RequestOutput, expected)
  })

  it('takes a prompt whose placeholders are expanded already', async () => {
    const expected = named('two_images')
    const image = ['images/shapes.png', 'images/wide.png'].map(inputUrl)
    const [output] = await llm.generate(
      { prompt_token_ids: expected.prompt_token_ids, multi_modal_data: { image } },
      golden.sampling_params,
    )
    expect(output?.outputs[0]?.token_ids).toEqual(expected.generated.token_ids)
  })

  it.each<[what: string, prompt: object, message: string]>([
    ['a tag without a picture', { prompt: '<|image_1|>' }, 'has <|image_1|> but multi_modal_data has 0 image(s)'],
    [
      'a number of crops that makes no sense',
      { prompt: '<|image_1|>', multi_modal_data: { image: inputUrl('images/cup.png') }, mm_processor_kwargs: { num_crops: 0 } },
      'num_crops is 0; it must be a whole number from 1 to 64',
    ],
    [
      'a clip without a placeholder',
      { prompt: 'a', multi_modal_data: { video: [[inputUrl('images/cup.png')]] } },
      'has 0 video placeholder(s) but multi_modal_data has 1 video(s); write <|video_1|>',
    ],
    [
      'embeddings of another width',
      { prompt: '<|image_1|>', multi_modal_data: { image: { image_embeds: { data: new Float32Array(64), shape: [1, 2, 32] } } } },
      'image_embeds has shape [1,2,32]; expected [items, tokens, 96]',
    ],
  ])('refuses %s', async (_, prompt, message) => {
    expect(await rejection(llm.generate(prompt as never, { max_tokens: 1 }))).toContain(`InvalidRequestError: `)
    expect(await rejection(llm.generate(prompt as never, { max_tokens: 1 }))).toContain(message)
  })
})

describe('phi3_v on the way past its original context', () => {
  let llm: LLM
  beforeAll(async () => {
    llm = await open({ dtype: 'float32' })
  })
  afterAll(() => llm.dispose())
  const sampling = { temperature: 0, max_tokens: 24, ignore_eos: true, logprobs: 0 }
  const prompt = named('text_long_rope').prompt_token_ids

  /** What comes after `ids`, and the log-probabilities of it. */
  async function goOn(ids: readonly number[], max_tokens: number, options: object = {}) {
    const outputs = await llm.generate({ prompt_token_ids: [...ids] }, { ...sampling, max_tokens, ...options })
    return (outputs[0]?.outputs ?? []).map(({ token_ids, logprobs }) => ({
      ids: [...token_ids],
      logprobs: token_ids.map((id, i) => logprobs?.[i]?.[id]?.logprob ?? Number.NaN),
    }))
  }

  /** Every token is what a fresh request for all that stands before it gives. */
  async function expectFresh(ids: readonly number[], { ids: found, logprobs }: { ids: number[]; logprobs: number[] }): Promise<void> {
    for (const at of [ORIGINAL - 1, ORIGINAL, ORIGINAL + 1, ORIGINAL + 2, ORIGINAL + 9]) {
      const known = [...ids, ...found]
      const [fresh] = await goOn(known.slice(0, at), 1, { logprobs: 0 })
      expect(fresh?.ids[0]).toBe(known[at])
      expect(Math.abs((fresh?.logprobs[0] ?? Number.NaN) - (logprobs[at - ids.length] ?? 0))).toBeLessThan(2e-3)
    }
  }

  it('goes on as if the whole had been given, with the long factors for all of it', async () => {
    const start = prompt.slice(0, ORIGINAL - 8)
    const [answer] = await goOn(start, 24)
    expect(answer?.ids.length).toBe(24)
    await expectFresh(start, answer as { ids: number[]; logprobs: number[] })
  })

  it('does so with several sequences that pass at different times, and beside ones that never do', async () => {
    const starts = [ORIGINAL - 8, ORIGINAL - 3, ORIGINAL - 1, ORIGINAL, ORIGINAL + 1, 20].map((length) => prompt.slice(0, length))
    const alone = []
    for (const start of starts) alone.push((await goOn(start, 24))[0]?.ids)
    const together = await Promise.all(starts.map((start) => goOn(start, 24)))
    expect(together.map(([answer]) => answer?.ids)).toEqual(alone)
  })

  it('does so for several continuations of one prompt', async () => {
    const start = prompt.slice(0, ORIGINAL - 4)
    const [alone] = await goOn(start, 12)
    const answers = await goOn(start, 12, { n: 3, temperature: 1, top_k: 1 })
    expect(answers.map(({ ids }) => ids)).toEqual([alone?.ids, alone?.ids, alone?.ids])
  })

  it('lets no long sequence take over keys that the short factors made', async () => {
    const known = await goOn(prompt.slice(0, ORIGINAL), 1)
    expect(known.length).toBe(1)
    const expected = named('text_long_rope')
    const { prompt_logprobs: _, ...rest } = golden.sampling_params
    const output = await runCase(llm, 'phi3_v', expected, rest)
    expect(output.outputs[0]?.token_ids).toEqual(expected.generated.token_ids)
  })
})

describe('phi3_v with prompts cut into small chunks', () => {
  let llm: LLM
  beforeAll(async () => {
    llm = await open({ dtype: 'float32', max_num_batched_tokens: 24, enable_prefix_caching: false })
  })
  afterAll(() => llm.dispose())

  it('gives the same answers, one by one and together', async () => {
    const cases = ['image', 'two_images_long_rope', 'text_long_rope'].map(named)
    for (const expected of cases) expectExact(await runCase(llm, 'phi3_v', expected, golden.sampling_params), expected)
    const outputs = await Promise.all(cases.map((expected) => runCase(llm, 'phi3_v', expected, golden.sampling_params)))
    for (const [i, output] of outputs.entries()) expectExact(output, cases[i] as GoldenCase)
  })
})

describeFloat16('phi3_v', golden, open)
