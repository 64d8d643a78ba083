import { LLM, type LLMOptions } from '../../src/index.ts'

/** A sound as samples with their rate. */
export async function run(options: Partial<LLMOptions> = {}, print = console.log) {
  const llm = await LLM.create({ model: 'fixie-ai/ultravox-v0_3', max_model_len: 4096, ...options })

  // An audio context decodes to its own rate. The model hears 16 kHz; other rates are converted.
  const file = await fetch(new URL('./media/chirp.wav', import.meta.url))
  const context = new OfflineAudioContext(1, 1, 16_000)
  const buffer = await context.decodeAudioData(await file.arrayBuffer())

  const prompt =
    '<|start_header_id|>user<|end_header_id|>\n\n<|audio|>\nWhat sound is this?<|eot_id|>' +
    '<|start_header_id|>assistant<|end_header_id|>\n\n'
  const outputs = await llm.generate(
    { prompt, multi_modal_data: { audio: [buffer.getChannelData(0), buffer.sampleRate] } },
    { temperature: 0, max_tokens: 24 },
  )
  for (const output of outputs) print(output.outputs[0]?.text)

  await llm.dispose()
  return outputs
}
