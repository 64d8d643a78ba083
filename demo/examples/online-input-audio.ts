import { OpenAI } from 'openai'
import { LLM, type LLMOptions } from '../../src/index.ts'

/** OpenAI's input_audio carries the file inside the request. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({ model: 'fixie-ai/ultravox-v0_3', max_model_len: 4096, ...options })
  const base = { baseURL: 'http://ocellus/v1', apiKey: 'EMPTY', dangerouslyAllowBrowser: true }
  const client = new OpenAI({ ...base, fetch: llm.fetch })

  const file = await fetch(new URL('./media/chirp.wav', import.meta.url))
  const bytes = new Uint8Array(await file.arrayBuffer())
  const data = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))

  const answer = await client.chat.completions.create({
    model: llm.info.model,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'input_audio', input_audio: { data, format: 'wav' } },
          { type: 'text', text: 'Transcribe the audio.' },
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
