import { LLM, type LLMOptions } from '../../src/index.ts'

/**
 * MiniCPM-V's features come with image_sizes, each picture's width and height: its slices follow from them.
 * The file: safetensors.torch.save_file({'image_embeds': features.float()}, path) in Python.
 */
export async function run(options: Partial<LLMOptions> = {}, print = console.log, file = new Blob()) {
  const llm = await LLM.create({ model: 'openbmb/MiniCPM-V-2_6', max_model_len: 4096, ...options })

  // The length of the header, the header as JSON, the values.
  const bytes = await file.arrayBuffer()
  const start = 8 + Number(new DataView(bytes).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(bytes.slice(8, start)))
  const { shape, data_offsets } = header.image_embeds
  const data = new Float32Array(bytes.slice(start + data_offsets[0], start + data_offsets[1]))

  const prompt =
    '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' +
    '<|im_start|>user\n(<image>./</image>)\nDescribe this image.<|im_end|>\n<|im_start|>assistant\n'
  const image = { image_embeds: { data, shape }, image_sizes: [[211, 139]] }

  const sampling_params = { temperature: 0, max_tokens: 24 }
  const outputs = await llm.generate({ prompt, multi_modal_data: { image } }, sampling_params)
  for (const output of outputs) print(output.outputs[0]?.text)

  await llm.dispose()
  return outputs
}
