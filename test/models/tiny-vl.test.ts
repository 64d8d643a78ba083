import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ChatMessage, type ChatPart, LLM } from '../../src/index.ts'

/** A question to the embedded model, the true answer, and what PyTorch made of it in float32 with greedy decoding. */
interface Sample {
  id: string
  row: string
  images?: string[]
  frames?: string[]
  question: string
  answer: string
  model_answer: string
}

const ROOT = '/test/goldens/tiny-vl'
const samples = (await (await fetch(`${ROOT}/samples.json`)).json()) as Sample[]

function conversation({ images = [], frames, question }: Sample): ChatMessage[] {
  const url = (file: string): string => `${ROOT}/${file}`
  const media: ChatPart[] = frames
    ? [{ type: 'video', video: frames.map(url) }]
    : images.map((file) => ({ type: 'image', image: url(file) }))
  return [{ role: 'user', content: [...media, { type: 'text', text: question }] }]
}

describe('the embedded model', () => {
  let llm: LLM
  beforeAll(async () => {
    // PyTorch's answers are to pictures of their own size; the model's default enlarges small ones.
    llm = await LLM.create({ model: '/models/ocellus-tiny-vl', dtype: 'float32', mm_processor_kwargs: { min_pixels: 12544 } })
  })
  afterAll(() => llm.dispose())

  it('answers every sample as PyTorch does, all asked at once', async () => {
    const outputs = await llm.chat(samples.map(conversation), { temperature: 0, max_tokens: 96 })
    const answers = outputs.map((output, i) => `${samples[i]?.id} ${output.outputs[0]?.text}`)
    expect(answers).toEqual(samples.map((sample) => `${sample.id} ${sample.model_answer}`))
    expect(outputs.map((output) => output.outputs[0]?.finish_reason)).toEqual(samples.map(() => 'stop'))
  })
})
