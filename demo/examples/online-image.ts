import { OpenAI } from 'openai'
import { type LLMOptions, registerOcellus } from '../../src/index.ts'

/** OpenAI's client against an endpoint inside the page: a service worker answers. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const endpoint = await registerOcellus({
    url: '../service-worker.js',
    scope: './',
    engine: { model: 'microsoft/Phi-3.5-vision-instruct', max_model_len: 4096, ...options },
  })
  const base = { apiKey: 'EMPTY', dangerouslyAllowBrowser: true }
  const client = new OpenAI({ ...base, baseURL: endpoint.baseURL })
  const models = await client.models.list()

  const image = new URL('./media/gray.png', import.meta.url)
  const answer = await client.chat.completions.create({
    model: models.data[0]?.id ?? '',
    messages: [
      { role: 'system', content: 'Answer briefly.' },
      {
        role: 'user',
        content: [
          // No placeholder is needed: the part says where the picture stands.
          { type: 'image_url', image_url: { url: image.href } },
          { type: 'text', text: 'What is gray here? Ça va?' },
        ],
      },
    ],
    temperature: 0,
    max_tokens: 24,
  })
  print(answer.choices[0]?.message.content)

  await endpoint.close()
  return answer
}
