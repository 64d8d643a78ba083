import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LLM } from '../../src/index.ts'
import { describeFloat16, itEqualsTheReference } from '../support/golden-checks.ts'
import { rejection } from '../support/golden-model.ts'
import { type GoldenCase, inputUrl, readGolden } from '../support/goldens.ts'

const golden = await readGolden('llava')
const MODEL = '/test/goldens/llava/checkpoint'
const PROMPT = 'USER: <image>\nWhat is in the picture? ASSISTANT:'

const open = (options: object): Promise<LLM> => LLM.create({ model: MODEL, max_model_len: 256, max_num_seqs: 8, ...options })

describe('llava in float32 through the public API', () => {
  let llm: LLM
  beforeAll(async () => {
    llm = await open({ dtype: 'float32' })
  })
  afterAll(() => llm.dispose())

  itEqualsTheReference('llava', golden, () => llm)

  it('takes a prompt whose placeholders are expanded already', async () => {
    const expected = golden.cases[0] as GoldenCase
    const prompt = { prompt_token_ids: expected.prompt_token_ids, multi_modal_data: { image: inputUrl('images/cup.png') } }
    const [output] = await llm.generate(prompt, golden.sampling_params)
    expect(output?.outputs[0]?.token_ids).toEqual(expected.generated.token_ids)
  })

  it.each<[what: string, shape: number[], expected: string]>([
    ['too few rows', [1, 15, 64], 'image_embeds has shape [1,15,64]; expected [images, 16, 64]'],
    ['another width', [1, 16, 32], 'image_embeds has shape [1,16,32]; expected [images, 16, 64]'],
    ['no axis for rows', [16 * 64], 'image_embeds has shape [1024]; expected [images, 16, 64]'],
  ])('refuses embeddings with %s', async (_, shape, expected) => {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1))
    const prompt = { prompt: PROMPT, multi_modal_data: { image: { image_embeds: { data, shape } } } }
    expect(await rejection(llm.generate(prompt as never, { max_tokens: 1 }))).toContain(`InvalidRequestError: ${expected}`)
  })

  it('takes embeddings of several pictures as one array', async () => {
    const data = new Float32Array(2 * 16 * 64)
    const prompt = {
      prompt: 'USER: <image><image> ASSISTANT:',
      multi_modal_data: { image: { image_embeds: { data, shape: [2, 16, 64] } } },
    }
    const [output] = await llm.generate(prompt as never, { max_tokens: 1 })
    expect(output?.prompt_token_ids?.filter((id) => id === 571).length).toBe(32)
  })

  it('refuses pictures without placeholders', async () => {
    const prompt = { prompt: 'USER: hello ASSISTANT:', multi_modal_data: { image: inputUrl('images/cup.png') } }
    expect(await rejection(llm.generate(prompt, { max_tokens: 1 }))).toContain('give one <image> per image')
  })
})

describeFloat16('llava', golden, open)
