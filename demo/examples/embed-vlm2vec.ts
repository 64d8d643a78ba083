import { LLM, type LLMOptions } from '../../src/index.ts'

/** Text and pictures as vectors of one space: the nearer, the more alike in meaning. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({
    model: 'TIGER-Lab/VLM2Vec-Full',
    task: 'embed', // vectors in place of text
    max_model_len: 4096,
    ...options,
  })

  const outputs = await llm.embed([
    {
      prompt: '<|image_1|> Represent the given image with the following question: what is in the cup?',
      multi_modal_data: { image: new URL('./media/cup.png', import.meta.url) },
    },
    'A cat and a dog',
  ])

  // Vectors have length 1, so their product is the cosine of the angle between them.
  const [question = [], caption = []] = outputs.map(({ outputs }) => outputs.embedding)
  const likeness = question.reduce((sum, value, i) => sum + value * (caption[i] ?? 0), 0)
  print(`${question.length} values each, likeness ${likeness.toFixed(4)}`)

  await llm.dispose()
  return outputs
}
