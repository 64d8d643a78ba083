import { LLM, type LLMOptions } from '../../src/index.ts'

/** Pictures between the words of a message. The chat template puts the placeholders in their places. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({
    model: 'Qwen/Qwen2-VL-2B-Instruct',
    max_model_len: 4096,
    limit_mm_per_prompt: { image: 2 },
    ...options,
  })

  const outputs = await llm.chat(
    [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'First look at ' },
          { type: 'image', image: new URL('./media/portrait.png', import.meta.url) },
          { type: 'text', text: ' and then at ' },
          { type: 'image', image: new URL('./media/stamp.png', import.meta.url) },
          { type: 'text', text: '. What has changed? Café Å' },
        ],
      },
    ],
    { temperature: 0, max_tokens: 24 },
  )
  for (const output of outputs) print(output.outputs[0]?.text)

  await llm.dispose()
  return outputs
}
