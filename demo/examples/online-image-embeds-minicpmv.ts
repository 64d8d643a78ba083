import { LLM, type LLMOptions } from '../../src/index.ts'

/** MiniCPM-V's features: a safetensors file with image_embeds and image_size_list, in base64. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log, file = new Blob()) {
  const llm = await LLM.create({ model: 'openbmb/MiniCPM-V-2_6', max_model_len: 4096, ...options })

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
            { type: 'text', text: 'Describe this image.' },
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
