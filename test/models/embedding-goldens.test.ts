import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EmbeddingRequestOutput, LLM, type LLMOptions, type Prompt } from '../../src/index.ts'
import { rejection } from '../support/golden-model.ts'
import { inputUrl } from '../support/goldens.ts'

interface EmbeddingCase {
  name: string
  request: {
    prompt: string
    multi_modal_data?: { image: string[] }
    dimensions?: number[]
    messages?: { role: 'user'; content: { type: string; text?: string }[] }[]
  }
  prompt_token_ids: number[]
  embedding: Record<string, number[]>
}

interface EmbeddingGolden {
  cases: EmbeddingCase[]
  suggested_tolerance: Record<'embedding_value_absolute' | 'cosine_at_least', Record<'computed_in_float32' | 'computed_in_float16', number>>
}

const readGolden = async (family: string): Promise<EmbeddingGolden> => (await fetch(`/test/goldens/${family}/expected.json`)).json()

const families = { vlm2vec: await readGolden('vlm2vec'), dse_qwen2: await readGolden('dse_qwen2') }
const { vlm2vec, dse_qwen2: dse } = families

const open = (family: string, options: Partial<LLMOptions> = {}): Promise<LLM> =>
  LLM.create({
    model: `/test/goldens/${family}/checkpoint`,
    task: 'embed',
    dtype: 'float32',
    max_model_len: 256,
    max_num_seqs: 8,
    ...options,
  })

const promptOf = ({ request: { prompt, multi_modal_data } }: EmbeddingCase): Prompt =>
  multi_modal_data ? { prompt, multi_modal_data: { image: multi_modal_data.image.map(inputUrl) } } : prompt

const sizesOf = ({ embedding }: EmbeddingCase): number[] => Object.keys(embedding).map(Number)

const named = (golden: EmbeddingGolden, name: string): EmbeddingCase =>
  golden.cases.find((candidate) => candidate.name === name) as EmbeddingCase

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, i) => sum + value * (b[i] ?? Number.NaN), 0)

function expectVector(found: readonly number[], expected: readonly number[], golden: EmbeddingGolden, how: 'float32' | 'float16'): void {
  const { embedding_value_absolute, cosine_at_least } = golden.suggested_tolerance
  expect(found.length).toBe(expected.length)
  expect(Math.max(...found.map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN))))).toBeLessThan(
    embedding_value_absolute[`computed_in_${how}`],
  )
  expect(dot(found, expected)).toBeGreaterThan(cosine_at_least[`computed_in_${how}`])
  expect(Math.abs(dot(found, found) - 1)).toBeLessThan(1e-5)
}

function expectCase(output: EmbeddingRequestOutput | undefined, expected: EmbeddingCase, golden: EmbeddingGolden, size: number): void {
  expect(output?.prompt_token_ids).toEqual(expected.prompt_token_ids)
  expect(output?.finished).toBe(true)
  expectVector(output?.outputs.embedding ?? [], expected.embedding[size] ?? [], golden, 'float32')
}

for (const [family, golden] of Object.entries(families)) {
  describe(`${family} in float32 through the public API`, () => {
    let llm: LLM
    beforeAll(async () => {
      llm = await open(family)
    })
    afterAll(() => llm.dispose())

    it('says what it was loaded for', () => {
      expect(llm.info.task).toBe('embed')
    })

    for (const expected of golden.cases)
      for (const size of sizesOf(expected))
        it(`gives the reference’s vector of ${size} values: ${expected.name}`, async () => {
          const whole = size === Math.max(...sizesOf(expected))
          const [output] = await llm.embed(promptOf(expected), whole ? {} : { dimensions: size })
          expectCase(output, expected, golden, size)
        })

    it('gives each prompt of a batch its own vector, in their order', async () => {
      const cases = [...golden.cases, ...golden.cases.toReversed()]
      const outputs = await llm.embed(cases.map(promptOf))
      for (const [i, expected] of cases.entries()) expectCase(outputs[i], expected, golden, 64)
      expect(outputs.length).toBe(cases.length)
    })

    it('gives the same from the prefix cache', async () => {
      for (const expected of golden.cases) {
        await llm.embed(promptOf(expected))
        const [again] = await llm.embed(promptOf(expected))
        expect((again?.num_cached_tokens ?? 0) > 0).toBe(expected.prompt_token_ids.length > 16)
        expectCase(again, expected, golden, 64)
      }
    })

    it('takes token ids', async () => {
      const expected = named(golden, 'text_query')
      const { image = [] } = expected.request.multi_modal_data ?? {}
      const prompt_token_ids = expected.prompt_token_ids
      const [output] = await llm.embed({ prompt_token_ids, multi_modal_data: { image: image.map(inputUrl) } })
      expectCase(output, expected, golden, 64)
    })

    it('holds nothing when all is done', async () => {
      await llm.embed(golden.cases.map(promptOf))
      expect(await llm.stats()).toMatchObject({ running: 0, waiting: 0, kv_blocks_used: 0, generated_tokens: 0 })
    })

    it.each<[what: string, dimensions: unknown, message: string]>([
      ['no dimensions', 0, 'dimensions must be an integer from 1 to 64, got 0'],
      ['too many', 65, 'dimensions must be an integer from 1 to 64, got 65'],
      ['half a dimension', 1.5, 'dimensions must be an integer from 1 to 64, got 1.5'],
    ])('refuses %s', async (_, dimensions, message) => {
      expect(await rejection(llm.embed('a', { dimensions: dimensions as number }))).toContain(`InvalidRequestError: ${message}`)
    })

    it('writes no text, and says how it would', async () => {
      for (const work of [llm.generate('a'), llm.chat([{ role: 'user', content: 'a' }])])
        expect(await rejection(work)).toMatch(/InvalidRequestError: .* loaded with task: 'embed' .* load it with task: 'generate'/)
    })
  })

  describe(`${family} with prompts cut into small chunks`, () => {
    let llm: LLM
    beforeAll(async () => {
      llm = await open(family, { max_num_batched_tokens: 16, enable_prefix_caching: false, max_num_seqs: 3 })
    })
    afterAll(() => llm.dispose())

    it('gives the same vectors, one by one and together', async () => {
      for (const expected of golden.cases) expectCase((await llm.embed(promptOf(expected)))[0], expected, golden, 64)
      const outputs = await llm.embed(golden.cases.map(promptOf))
      for (const [i, expected] of golden.cases.entries()) expectCase(outputs[i], expected, golden, 64)
    })
  })

  describe(`${family} in float16`, () => {
    let llm: LLM
    beforeAll(async () => {
      llm = await open(family, { dtype: 'float16' })
    })
    afterAll(() => llm.dispose())

    it('stays within what half precision changes', async () => {
      const outputs = await llm.embed(golden.cases.map(promptOf))
      for (const [i, expected] of golden.cases.entries())
        expectVector(outputs[i]?.outputs.embedding ?? [], expected.embedding[64] ?? [], golden, 'float16')
    })
  })
}

describe('conventions of dse_qwen2', () => {
  let llm: LLM
  beforeAll(async () => {
    llm = await open('dse_qwen2')
  })
  afterAll(() => llm.dispose())
  const query = named(dse, 'text_query')
  const words = 'Query: how do I reset the water meter?'

  it('gives bare text its turn, its black picture and its end', async () => {
    expectCase((await llm.embed(words))[0], query, dse, 64)
  })

  it.each([
    ['a string', words],
    ['parts', [{ type: 'text' as const, text: words }]],
  ])('does so for messages with %s', async (_, content) => {
    expectCase((await llm.embed([{ role: 'user', content }]))[0], query, dse, 64)
  })

  it('adds no picture where there is one, in messages and beside bare text', async () => {
    const expected = named(dse, 'image_document')
    const image = inputUrl('images/page.png')
    const text = 'What is shown in this image?'
    const content = [
      { type: 'image' as const, image },
      { type: 'text' as const, text },
    ]
    const both = await llm.embed([[{ role: 'user', content }], [{ role: 'user', content: words }]], { dimensions: 32 })
    expectCase(both[0], expected, dse, 32)
    expectCase(both[1], query, dse, 32)
    expectCase((await llm.embed({ prompt: text, multi_modal_data: { image } }))[0], expected, dse, 64)
  })
})

describe('conventions of vlm2vec', () => {
  let llm: LLM
  beforeAll(async () => {
    llm = await open('vlm2vec')
  })
  afterAll(() => llm.dispose())

  it('takes messages without roles, with a tag and a space for a picture', async () => {
    const content = [
      { type: 'image' as const, image: inputUrl('images/portrait.png') },
      { type: 'text' as const, text: 'Represent the given image.' },
    ]
    const text = 'A cat and a dog'
    const outputs = await llm.embed([[{ role: 'user', content }], [{ role: 'user', content: text }]])
    expectCase(outputs[0], named(vlm2vec, 'image_target'), vlm2vec, 64)
    expectCase(outputs[1], named(vlm2vec, 'text_target'), vlm2vec, 64)
  })

  it('cuts no vectors', async () => {
    expect(await rejection(llm.embed('a', { dimensions: 32 }))).toContain('InvalidRequestError: dimensions is 32, but')
    expect((await llm.embed('a', { dimensions: 64 }))[0]?.outputs.embedding.length).toBe(64)
  })

  it('takes prompts as long as max_model_len, and no longer', async () => {
    const ids = (length: number) => ({ prompt_token_ids: Array.from({ length }, (_, i) => 270 + (i % 50)) })
    expect((await llm.embed(ids(256)))[0]?.finished).toBe(true)
    expect(await rejection(llm.embed(ids(257)))).toContain('ContextLengthError: prompt has 257 tokens but max_model_len is 256')
  })

  it('answers at /v1/embeddings as embed() does', async () => {
    const ask = async (body: object) => {
      const response = await llm.fetch('/v1/embeddings', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      return response.json()
    }
    const texts = [named(vlm2vec, 'text_query'), named(vlm2vec, 'text_target')]
    const { data, usage } = await ask({ input: texts.map(({ request }) => request.prompt) })
    for (const [i, expected] of texts.entries()) expectVector(data[i].embedding, expected.embedding[64] ?? [], vlm2vec, 'float32')
    expect(usage).toMatchObject({ prompt_tokens: 50, total_tokens: 50 })
    const image_url = { url: new URL(inputUrl('images/portrait.png'), location.href).href }
    const content = [
      { type: 'image_url', image_url },
      { type: 'text', text: 'Represent the given image.' },
    ]
    const { data: coded } = await ask({ messages: [{ role: 'user', content }], encoding_format: 'base64' })
    const bytes = Uint8Array.from(atob(coded[0].embedding), (char) => char.charCodeAt(0))
    expectVector([...new Float32Array(bytes.buffer)], named(vlm2vec, 'image_target').embedding[64] ?? [], vlm2vec, 'float32')
  })
})

describe('a wrong task', () => {
  it('is named when a model that was loaded to write is asked for embeddings', async () => {
    const llm = await LLM.create({ model: '/test/goldens/qwen2_vl/checkpoint', dtype: 'float32', max_model_len: 256 })
    expect(await rejection(llm.embed('a'))).toMatch(/InvalidRequestError: .* loaded with task: 'generate' .* load it with task: 'embed'/)
    await llm.dispose()
  })

  it('is named when no model of the family makes embeddings', async () => {
    const work = LLM.create({ model: '/test/goldens/llava/checkpoint', task: 'embed' })
    expect(await rejection(work)).toMatch(/ModelLoadError: .* llava model, which makes no embeddings; load it with task: 'generate'/)
  })

  it('is named when it is none at all', async () => {
    const work = LLM.create({ model: '/test/goldens/llava/checkpoint', task: 'draw' as 'embed' })
    expect(await rejection(work)).toContain('InvalidRequestError: task must be one of generate, embed, got "draw"')
  })
})
