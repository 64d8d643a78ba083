import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LLM } from '../../src/index.ts'
import { describeFloat16, expectExact, itEqualsTheReference } from '../support/golden-checks.ts'
import { rejection } from '../support/golden-model.ts'
import { type GoldenCase, inputUrl, readGolden, runCase } from '../support/goldens.ts'

const golden = await readGolden('minicpmv')
const MODEL = '/test/goldens/minicpmv/checkpoint'
const SYSTEM = '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n'
const PICTURE = inputUrl('images/cup.png')
const FRAMES = [0, 1, 2].map((i) => inputUrl(`video/ball/frame_00${i}.png`))

const open = (options: object): Promise<LLM> =>
  LLM.create({ model: MODEL, max_model_len: 512, max_num_seqs: 8, limit_mm_per_prompt: { image: 4 }, ...options })

const run = (llm: LLM, expected: GoldenCase) => runCase(llm, 'minicpmv', expected, golden.sampling_params)

describe('minicpmv in float32 through the public API', () => {
  let llm: LLM
  beforeAll(async () => {
    llm = await open({ dtype: 'float32' })
  })
  afterAll(() => llm.dispose())

  itEqualsTheReference('minicpmv', golden, () => llm)

  it('gives the same answer from the prefix cache', async () => {
    const expected = golden.cases[0] as GoldenCase
    const { prompt_logprobs: _, ...sampling } = golden.sampling_params
    await runCase(llm, 'minicpmv', expected, sampling)
    const again = await runCase(llm, 'minicpmv', expected, sampling)
    expect(again.num_cached_tokens).toBeGreaterThan(0)
    expect(again.outputs[0]?.token_ids).toEqual(expected.generated.token_ids)
  })

  it('takes a prompt whose placeholders are expanded already', async () => {
    const expected = golden.cases[0] as GoldenCase
    const prompt = { prompt_token_ids: expected.prompt_token_ids, multi_modal_data: { image: PICTURE } }
    const [output] = await llm.generate(prompt, golden.sampling_params)
    expect(output?.outputs[0]?.token_ids).toEqual(expected.generated.token_ids)
  })

  it('writes the placeholder for a picture part of a chat message', async () => {
    const expected = golden.cases[0] as GoldenCase
    const content = [
      { type: 'image' as const, image: PICTURE },
      { type: 'text' as const, text: 'Describe this image.' },
    ]
    const [output] = await llm.chat([{ role: 'user', content }], golden.sampling_params)
    expectExact(output as never, expected)
  })

  it('takes fewer slices where the request says so', async () => {
    const expected = golden.cases[0] as GoldenCase
    const prompt = { ...(expected.request as { prompt: string }), multi_modal_data: { image: PICTURE } }
    const [whole] = await llm.generate({ ...prompt, mm_processor_kwargs: { max_slice_nums: 1 } } as never, { max_tokens: 1 })
    // Two slices with their markers are gone.
    expect(whole?.prompt_token_ids?.length).toBe(expected.prompt_token_ids.length - 2 * 6)
  })

  it('reads a clip as pictures without numbers, one a line', async () => {
    const single = await llm.generate(
      {
        prompt: `${SYSTEM}(<image>./</image>)`,
        multi_modal_data: { image: FRAMES[0] },
        mm_processor_kwargs: { max_slice_nums: 1 },
      } as never,
      { max_tokens: 1 },
    )
    const clip = await llm.generate(
      { prompt: `${SYSTEM}(<video>./</video>)`, multi_modal_data: { video: FRAMES }, mm_processor_kwargs: { max_slice_nums: 1 } } as never,
      { max_tokens: 1 },
    )
    const picture = single[0]?.prompt_token_ids ?? []
    const ids = clip[0]?.prompt_token_ids ?? []
    const first = picture.indexOf(480)
    // <image_id>0</image_id> is three tokens; then <image>, four <unk>, </image>.
    const block = picture.slice(first, first + 6)
    expect(picture.length - first).toBe(6)
    const begin = first - 3
    expect(ids.slice(0, begin)).toEqual(picture.slice(0, begin))
    const newline = ids[begin + 6] as number
    expect(ids.slice(begin)).toEqual([...block, newline, ...block, newline, ...block])
  })

  it('answers about a clip as about its frames as pictures of the same markers', async () => {
    const { tokens, frames } = await clipAndFrames(llm)
    expect(tokens).toEqual(frames)
  })

  it('refuses pictures without placeholders, and the other way round', async () => {
    const none = { prompt: 'hello', multi_modal_data: { image: PICTURE } }
    expect(await rejection(llm.generate(none, { max_tokens: 1 }))).toContain('write (<image>./</image>) once per image')
    const two = { prompt: '(<image>./</image>)(<image>./</image>)', multi_modal_data: { image: PICTURE } }
    expect(await rejection(llm.generate(two, { max_tokens: 1 }))).toContain(
      'has 2 image placeholder(s) but multi_modal_data has 1 image(s)',
    )
  })

  it.each<[what: string, shape: number[], expected: string]>([
    ['too few parts', [2, 4, 256], 'image_embeds has shape [2,4,256]; expected [3, 4, 256]'],
    ['another width', [3, 4, 128], 'image_embeds has shape [3,4,128]; expected [3, 4, 256]'],
  ])('refuses embeddings with %s', async (_, shape, expected) => {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1))
    const image = { image_embeds: { data, shape }, image_size_list: { data: Float32Array.of(160, 100), shape: [1, 2] } }
    const prompt = { prompt: '(<image>./</image>)', multi_modal_data: { image } }
    expect(await rejection(llm.generate(prompt as never, { max_tokens: 1 }))).toContain(`InvalidRequestError: ${expected}`)
  })
})

/** The same ids, once with a clip and once with its frames as pictures: neither has numbers in front. */
async function clipAndFrames(llm: LLM): Promise<{ tokens: unknown; frames: unknown }> {
  const sampling = { max_tokens: 6, temperature: 0 }
  const prompt = `${SYSTEM}(<video>./</video>)\nWhat moves?`
  const [clip] = await llm.generate(
    { prompt, multi_modal_data: { video: FRAMES }, mm_processor_kwargs: { max_slice_nums: 2 } } as never,
    sampling,
  )
  const [pictures] = await llm.generate(
    { prompt_token_ids: clip?.prompt_token_ids, multi_modal_data: { image: FRAMES }, mm_processor_kwargs: { max_slice_nums: 2 } } as never,
    sampling,
  )
  return { tokens: clip?.outputs[0]?.token_ids, frames: pictures?.outputs[0]?.token_ids }
}

describe('minicpmv with prompts cut into small chunks', () => {
  let llm: LLM
  beforeAll(async () => {
    llm = await open({ dtype: 'float32', max_num_batched_tokens: 16, enable_prefix_caching: false })
  })
  afterAll(() => llm.dispose())

  it('gives the same answers, though chunks end within a picture', async () => {
    const cases = golden.cases.filter(({ name }) => ['two_images', 'many_slices'].includes(name))
    const outputs = await Promise.all(cases.map((expected) => run(llm, expected)))
    expect(outputs.length).toBe(2)
    for (const [i, output] of outputs.entries()) expectExact(output, cases[i] as GoldenCase)
  })
})

describeFloat16('minicpmv', golden, open)
