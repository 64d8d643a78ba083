import { LLM, type LLMOptions } from '../../src/index.ts'

/** A question and a page as vectors. Text needs no picture: the blank one of the training is added. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({
    model: 'MrLight/dse-qwen2-2b-mrl-v1',
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
        dimensions: 32,
      }),
    })
    return response.json()
  }
  const query = await embed([{ type: 'text', text: 'Query: how do I reset the water meter?' }])
  const image = new URL('./media/page.png', import.meta.url)
  const page = await embed([
    { type: 'image_url', image_url: { url: image.href } },
    { type: 'text', text: 'What is shown in this image?' },
  ])

  for (const { data, usage } of [query, page]) {
    print(`${data[0].embedding.length} values, ${usage.prompt_tokens} tokens read`)
  }

  await llm.dispose()
  return [query, page]
}
