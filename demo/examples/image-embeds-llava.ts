import { LLM, type LLMOptions } from '../../src/index.ts'

/**
 * A picture's features in place of the picture: [pictures, tokens, hidden size of the language model].
 * The file: safetensors.torch.save_file({'image_embeds': features.float()}, path) in Python.
 */
export async function run(options: Partial<LLMOptions> = {}, print = console.log, file = new Blob()) {
  const llm = await LLM.create({ model: 'llava-hf/llava-1.5-7b-hf', max_model_len: 4096, ...options })

  // The length of the header, the header as JSON, the values.
  const bytes = await file.arrayBuffer()
  const start = 8 + Number(new DataView(bytes).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(bytes.slice(8, start)))
  const { shape, data_offsets } = header.image_embeds
  const data = new Float32Array(bytes.slice(start + data_offsets[0], start + data_offsets[1]))

  const outputs = await llm.generate(
    {
      prompt: 'USER: <image>\nWhat is in the picture? ASSISTANT:',
      multi_modal_data: { image: { image_embeds: { data, shape } } },
    },
    { temperature: 0, max_tokens: 24 },
  )
  for (const output of outputs) print(output.outputs[0]?.text)

  await llm.dispose()
  return outputs
}
