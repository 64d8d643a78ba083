import { LLM, type LLMOptions } from '../../src/index.ts'

/** A picture's features in place of the picture: a safetensors file with image_embeds, in base64. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log, file = new Blob()) {
  const llm = await LLM.create({ model: 'llava-hf/llava-1.5-7b-hf', max_model_len: 4096, ...options })

  const bytes = new Uint8Array(await file.arrayBuffer())
  const image_embeds = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))

  const response = await llm.fetch('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: llm.info.model,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_embeds', image_embeds },
            { type: 'text', text: 'What is in the picture?' },
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
