import { LLM, type LLMOptions } from '../../src/index.ts'

/** A picture with an instruction, and a text, as vectors. Messages carry what OpenAI's input cannot. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({
    model: 'TIGER-Lab/VLM2Vec-Full',
    task: 'embed', // vectors in place of text
    max_model_len: 4096,
    ...options,
  })

  const embed = async (content: object[]) => {
    const response = await llm.fetch('/v1/embeddings', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: llm.info.model,
        messages: [{ role: 'user', content }],
        encoding_format: 'float',
      }),
    })
    return response.json()
  }
  const image = new URL('./media/portrait.png', import.meta.url)
  const picture = await embed([
    { type: 'image_url', image_url: { url: image.href } },
    { type: 'text', text: 'Represent the given image.' },
  ])
  const text = await embed([{ type: 'text', text: 'A cat and a dog' }])

  for (const { data, usage } of [picture, text]) {
    print(`${data[0].embedding.length} values, ${usage.prompt_tokens} tokens read`)
  }

  await llm.dispose()
  return [picture, text]
}
