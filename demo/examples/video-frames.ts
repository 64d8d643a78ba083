import { LLM, type LLMOptions } from '../../src/index.ts'

/** A clip as a list of frames, for a model that takes video. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({ model: 'Qwen/Qwen2-VL-2B-Instruct', max_model_len: 4096, ...options })

  const prompt =
    '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' +
    '<|im_start|>user\n<|vision_start|><|video_pad|><|vision_end|>What happens in the video?<|im_end|>\n' +
    '<|im_start|>assistant\n'
  const video = [
    new URL('./media/ball-0.png', import.meta.url),
    new URL('./media/ball-1.png', import.meta.url),
    new URL('./media/ball-2.png', import.meta.url),
    new URL('./media/ball-3.png', import.meta.url),
  ]

  // A list of frames is one clip; several clips are a list of such lists.
  const sampling_params = { temperature: 0, max_tokens: 24 }
  const outputs = await llm.generate({ prompt, multi_modal_data: { video: [video] } }, sampling_params)
  for (const output of outputs) print(output.outputs[0]?.text)

  await llm.dispose()
  return outputs
}
