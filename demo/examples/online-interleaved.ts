import { OpenAI } from 'openai'
import { LLM, type LLMOptions } from '../../src/index.ts'

/** Each part stands in the prompt where it stands in the message. The answer is streamed. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({
    model: 'Qwen/Qwen2-VL-2B-Instruct',
    max_model_len: 4096,
    limit_mm_per_prompt: { image: 2 },
    ...options,
  })
  const base = { baseURL: 'http://ocellus/v1', apiKey: 'EMPTY', dangerouslyAllowBrowser: true }
  const client = new OpenAI({ ...base, fetch: llm.fetch })
  const portrait = new URL('./media/portrait.png', import.meta.url)
  const stamp = new URL('./media/stamp.png', import.meta.url)
  const stream = client.chat.completions.stream({
    model: llm.info.model,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'First look at ' },
          { type: 'image_url', image_url: { url: portrait.href } },
          { type: 'text', text: ' and then at ' },
          { type: 'image_url', image_url: { url: stamp.href } },
          { type: 'text', text: '. What has changed? Café Å' },
        ],
      },
    ],
    temperature: 0,
    max_tokens: 24,
    stream_options: { include_usage: true },
  })
  let text = ''
  for await (const { choices } of stream) text += choices[0]?.delta.content ?? ''
  print(text)
  const answer = await stream.finalChatCompletion()
  await llm.dispose()
  return answer
}
