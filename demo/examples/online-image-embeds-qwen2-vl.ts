import { LLM, type LLMOptions } from '../../src/index.ts'

/** Qwen2-VL's features: a safetensors file with image_embeds and image_grid_thw, in base64. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log, file = new Blob()) {
  const llm = await LLM.create({ model: 'Qwen/Qwen2-VL-2B-Instruct', max_model_len: 4096, ...options })

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
