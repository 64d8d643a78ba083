import { type ChatPart, LLM, type LLMOptions } from '../../src/index.ts'

/** A clip without video input: its frames as so many pictures of one message. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({
    model: 'Qwen/Qwen2-VL-2B-Instruct',
    max_model_len: 4096,
    limit_mm_per_prompt: { image: 4 }, // as many as there are frames
    ...options,
  })

  const frames = [
    new URL('./media/ball-0.png', import.meta.url),
    new URL('./media/ball-1.png', import.meta.url),
    new URL('./media/ball-2.png', import.meta.url),
    new URL('./media/ball-3.png', import.meta.url),
  ]
  const content: ChatPart[] = [
    { type: 'text', text: 'Describe these frames. Take them as parts of one video.' },
    ...frames.map(({ href }): ChatPart => ({ type: 'image_url', image_url: { url: href } })),
  ]

  const outputs = await llm.chat([{ role: 'user', content }], { temperature: 0, max_tokens: 24 })
  for (const output of outputs) print(output.outputs[0]?.text)

  await llm.dispose()
  return outputs
}
