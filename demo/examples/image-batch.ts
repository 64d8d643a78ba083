import { LLM, type LLMOptions } from '../../src/index.ts'

/** Several prompts, each with its own picture, are worked on together and come back in their order. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({ model: 'llava-hf/llava-1.5-7b-hf', max_model_len: 4096, ...options })

  const outputs = await llm.generate(
    [
      {
        prompt: 'USER: <image>\nWhat is in the picture? ASSISTANT:',
        multi_modal_data: { image: new URL('./media/cup.png', import.meta.url) },
      },
      {
        prompt: 'USER: <image>\nRead the text. ASSISTANT:',
        multi_modal_data: { image: new URL('./media/stamp.png', import.meta.url) },
      },
    ],
    { temperature: 0, max_tokens: 24 },
  )
  for (const output of outputs) print(output.outputs[0]?.text)

  await llm.dispose()
  return outputs
}
