import { LLM, type LLMOptions } from '../../src/index.ts'

/** The engine fetches the file, mixes its channels and converts its rate. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({ model: 'fixie-ai/ultravox-v0_3', max_model_len: 4096, ...options })

  const audio = new URL('./media/radio.wav', import.meta.url)
  const response = await llm.fetch('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: llm.info.model,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'audio_url', audio_url: { url: audio.href } },
            { type: 'text', text: 'What does the radio say?' },
          ],
        },
      ],
      temperature: 0,
      max_tokens: 24,
    }),
  })
  const answer = await response.json()
  print(answer.choices[0].message.content)

  await llm.dispose()
  return answer
}
