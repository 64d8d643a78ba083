import { LLM, type LLMOptions } from '../../src/index.ts'

/** A video file, of which a few frames are looked at, spread evenly. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({ model: 'Qwen/Qwen2-VL-2B-Instruct', max_model_len: 4096, ...options })

  const video = new URL('./media/ball.webm', import.meta.url)

  const outputs = await llm.chat(
    [
      {
        role: 'user',
        content: [
          { type: 'video', video },
          { type: 'text', text: 'What happens in the video?' },
        ],
      },
    ],
    { temperature: 0, max_tokens: 24 },
    { media_io_kwargs: { video: { num_frames: 4 } } }, // 32 unless told
  )
  for (const output of outputs) print(output.outputs[0]?.text)

  await llm.dispose()
  return outputs
}
