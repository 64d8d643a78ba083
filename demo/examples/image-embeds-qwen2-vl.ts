import { LLM, type LLMOptions } from '../../src/index.ts'

/**
 * Qwen2-VL's features come with image_grid_thw, frames, rows and columns of patches: positions follow from them.
 * The file: safetensors.torch.save_file({'image_embeds': …, 'image_grid_thw': …}, path) in Python.
 */
export async function run(options: Partial<LLMOptions> = {}, print = console.log, file = new Blob()) {
  const llm = await LLM.create({ model: 'Qwen/Qwen2-VL-2B-Instruct', max_model_len: 4096, ...options })

  // The length of the header, the header as JSON, the values.
  const bytes = await file.arrayBuffer()
  const start = 8 + Number(new DataView(bytes).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(bytes.slice(8, start)))
  const valuesOf = (name: string) => {
    const [from, to] = header[name].data_offsets
    return bytes.slice(start + from, start + to)
  }

  // Features of several pictures stand one after another: [tokens of all, hidden].
  const image = {
    image_embeds: {
      data: new Float32Array(valuesOf('image_embeds')),
      shape: header.image_embeds.shape,
    },
    image_grid_thw: [Array.from(new BigInt64Array(valuesOf('image_grid_thw')), Number)],
  }
  const prompt =
    '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n' +
    '<|vision_start|><|image_pad|><|vision_end|>Describe this image.<|im_end|>\n<|im_start|>assistant\n'

  const sampling_params = { temperature: 0, max_tokens: 24 }
  const outputs = await llm.generate({ prompt, multi_modal_data: { image } }, sampling_params)
  for (const output of outputs) print(output.outputs[0]?.text)

  await llm.dispose()
  return outputs
}
