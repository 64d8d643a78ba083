import { LLM, type LLMOptions } from '../../src/index.ts'

/** Finds pages by what they show: a question and two pages as vectors, of as many values as wanted. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({
    model: 'MrLight/dse-qwen2-2b-mrl-v1',
    task: 'embed', // vectors in place of text
    max_model_len: 4096,
    ...options,
  })

  const page = {
    prompt: 'What is shown in this image?',
    multi_modal_data: { image: new URL('./media/page.png', import.meta.url) },
  }
  const photo = {
    prompt: 'What is shown in this image?',
    multi_modal_data: { image: new URL('./media/cup.png', import.meta.url) },
  }
  const query = 'Query: how do I reset the water meter?'
  const outputs = await llm.embed([query, page, photo], { dimensions: 32 })

  // Vectors have length 1, so their product is the cosine of the angle between them.
  const [asked = [], ...found] = outputs.map(({ outputs }) => outputs.embedding)
  for (const vector of found) {
    const likeness = asked.reduce((sum, value, i) => sum + value * (vector[i] ?? 0), 0)
    print(likeness.toFixed(4))
  }

  await llm.dispose()
  return outputs
}
