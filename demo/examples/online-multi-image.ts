import { OpenAI } from 'openai'
import { LLM, type LLMOptions } from '../../src/index.ts'

/** Several pictures in one message. llm.fetch is the endpoint as a function, without a service worker. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({
    model: 'microsoft/Phi-3.5-vision-instruct',
    max_model_len: 4096,
    limit_mm_per_prompt: { image: 2 },
    ...options,
  })
  const base = { baseURL: 'http://ocellus/v1', apiKey: 'EMPTY', dangerouslyAllowBrowser: true }
  const client = new OpenAI({ ...base, fetch: llm.fetch })

  const shapes = new URL('./media/shapes.png', import.meta.url)
  const wide = new URL('./media/wide.png', import.meta.url)
  const answer = await client.chat.completions.create({
    model: llm.info.model,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: shapes.href } },
          { type: 'image_url', image_url: { url: wide.href } },
          { type: 'text', text: 'Compare them.' },
        ],
      },
    ],
    temperature: 0,
    max_tokens: 24,
  })
  print(answer.choices[0]?.message.content)

  await llm.dispose()
  return answer
}
