import { LLM, type LLMOptions } from '../../src/index.ts'

/** MiniCPM-V sees a picture as a whole and, if it is large, in slices too: at most max_slice_nums. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({ model: 'openbmb/MiniCPM-V-2_6', max_model_len: 4096, ...options })

  const prompt =
    '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' +
    '<|im_start|>user\n(<image>./</image>)\nDescribe this image.<|im_end|>\n<|im_start|>assistant\n'
  const image = new URL('./media/cup.png', import.meta.url)

  const outputs = await llm.generate(
    { prompt, multi_modal_data: { image }, mm_processor_kwargs: { max_slice_nums: 9 } },
    { temperature: 0, max_tokens: 24 },
  )
  for (const output of outputs) print(output.outputs[0]?.text)

  await llm.dispose()
  return outputs
}
