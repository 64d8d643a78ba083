import { LLM, type LLMOptions } from '../../src/index.ts'

/** A video file by its address. OpenAI's client does not know video_url, so this is a plain request. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({ model: 'Qwen/Qwen2-VL-2B-Instruct', max_model_len: 4096, ...options })

  const video = new URL('./media/ball.webm', import.meta.url)
  const response = await llm.fetch('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: llm.info.model,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'video_url', video_url: { url: video.href } },
            { type: 'text', text: 'What happens in the video?' },
          ],
        },
      ],
      media_io_kwargs: { video: { num_frames: 4 } },
      temperature: 0,
      max_tokens: 24,
    }),
  })
  const answer = await response.json()
  print(answer.choices[0].message.content)

  await llm.dispose()
  return answer
}
