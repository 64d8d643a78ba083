import { LLM, type LLMOptions } from '../../src/index.ts'

/** The prompt has a placeholder where the picture belongs. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({ model: 'llava-hf/llava-1.5-7b-hf', max_model_len: 4096, ...options })

  // Each model has a format and a placeholder of its own; its page on the Hub tells them.
  const prompt = 'USER: <image>\nWhat is in the picture? ASSISTANT:'

  // A canvas, a video element, a file, an ImageData … would do as well as an address.
  const image = new URL('./media/cup.png', import.meta.url)

  const sampling_params = { temperature: 0, max_tokens: 24 }
  const outputs = await llm.generate({ prompt, multi_modal_data: { image } }, sampling_params)
  for (const output of outputs) print(output.outputs[0]?.text)

  await llm.dispose()
  return outputs
}
