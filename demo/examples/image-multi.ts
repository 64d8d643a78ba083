import { LLM, type LLMOptions } from '../../src/index.ts'

/** Several pictures in one prompt: a list, in the order of the placeholders. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({
    model: 'microsoft/Phi-3.5-vision-instruct',
    max_model_len: 4096,
    limit_mm_per_prompt: { image: 2 }, // more than one picture per prompt must be asked for
    ...options,
  })

  const prompt = '<|user|>\n<|image_1|>\n<|image_2|>\nCompare them.<|end|>\n<|assistant|>\n'
  const shapes = new URL('./media/shapes.png', import.meta.url)
  const wide = new URL('./media/wide.png', import.meta.url)

  const sampling_params = { temperature: 0, max_tokens: 24 }
  const outputs = await llm.generate({ prompt, multi_modal_data: { image: [shapes, wide] } }, sampling_params)
  for (const output of outputs) print(output.outputs[0]?.text)

  await llm.dispose()
  return outputs
}
