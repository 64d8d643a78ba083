import { beforeAll, describe, expect, it } from 'vitest'
import { loadWeights } from '../../src/engine/weight-loader.ts'
import type { Gpu } from '../../src/gpu/device.ts'
import { LLM, type RequestOutput } from '../../src/index.ts'
import type { WeightReader } from '../../src/layers/weights.ts'
import { decodeWav } from '../../src/media/wav.ts'
import type { HostArray, PreparedMedia } from '../../src/models/family.ts'
import { projectSound, type UltravoxWeights, ultravox } from '../../src/models/ultravox.ts'
import { prepareAudio } from '../../src/models/ultravox-processor.ts'
import { encodeWhisper } from '../../src/models/whisper-encoder.ts'
import { openCheckpoint } from '../../src/weights/checkpoint.ts'
import { openSource } from '../../src/weights/source.ts'
import { compareTensor, expectExact } from '../support/golden-checks.ts'
import { type GoldenCase, type GoldenTensor, inputUrl, readGolden } from '../support/goldens.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'

const golden = await readGolden('ultravox')
const source = openSource(new URL('/test/goldens/ultravox/checkpoint/', location.href).href, {})
const readJson = async (path: string) => (await source.json(path)) as Record<string, unknown>
const config = ultravox.readConfig({
  config: await readJson('config.json'),
  generationConfig: await readJson('generation_config.json'),
  preprocessorConfig: await readJson('preprocessor_config.json'),
  videoPreprocessorConfig: undefined,
  processorConfig: undefined,
})

/** A golden clip's embeddings, from the encoder alone. */
async function embedsOf(gpu: Gpu, weights: UltravoxWeights, path: string): Promise<{ data: Float32Array; shape: number[] }> {
  const item = prepareAudio(config, await soundOf(path))[0] as PreparedMedia
  const { data, shape } = item.inputs['mel'] as HostArray
  const [rows] = await runOnce(gpu, (step) => {
    const encoded = encodeWhisper(step, weights.audio, config.audio, upload(gpu, 'f32', shape, data))
    return [projectSound(step, weights.projector, config, encoded, item.tokens)]
  })
  return { data: rows as Float32Array, shape: [item.tokens, config.hidden] }
}

const soundOf = async (path: string) => decodeWav(new Uint8Array(await (await fetch(inputUrl(path))).arrayBuffer()))

describe('the audio encoder of ultravox', () => {
  let gpu: Gpu
  let weights: UltravoxWeights
  beforeAll(async () => {
    gpu = await testGpu()
    const declare = (reader: WeightReader): UltravoxWeights => ultravox.readWeights(reader, config)
    weights = await loadWeights(gpu, await openCheckpoint(source), declare, {
      modelType: 'ultravox',
      dtype: 'float32',
      quantization: 'none',
    })
  })

  it('makes embeddings that stand for the clips themselves', async () => {
    const audio = await Promise.all(
      ['audio/voice.wav', 'audio/chirp.wav'].map(async (path) => ({ audio_embeds: await embedsOf(gpu, weights, path) })),
    )
    const expected = golden.cases.find(({ name }) => name === 'two_clips') as GoldenCase
    const llm = await LLM.create({ model: '/test/goldens/ultravox/checkpoint', max_model_len: 256, dtype: 'float32' })
    try {
      const prompt = { prompt: expected.rendered_prompt, multi_modal_data: { audio } }
      const [output] = await llm.generate(prompt, golden.sampling_params)
      expectExact(output as RequestOutput, expected)
    } finally {
      await llm.dispose()
    }
  })

  for (const { name, request, intermediates } of golden.cases) {
    for (const [i, path] of (request.multi_modal_data?.audio ?? []).entries()) {
      it.each([false, true])(
        `agrees with the reference before and after its projector: ${name}, ${path}, software %s`,
        async (software) => {
          const item = prepareAudio(config, await soundOf(path))[0] as PreparedMedia
          const { data, shape } = item.inputs['mel'] as HostArray
          const outputs = await runOnce(
            gpu,
            (step) => {
              const encoded = encodeWhisper(step, weights.audio, config.audio, upload(gpu, 'f32', shape, data))
              return [encoded, projectSound(step, weights.projector, config, encoded, item.tokens)]
            },
            { software },
          )
          for (const [place, tensor] of ['encoder_output', 'projector_output'].entries()) {
            const expected = intermediates[`${tensor}[${i}]`] as GoldenTensor
            expect(outputs[place]?.length).toBe(expected.shape.reduce((product, size) => product * size, 1))
            const { error, allowed } = compareTensor(outputs[place] ?? [], expected)
            expect(error).toBeLessThan(allowed)
          }
        },
      )
    }
  }
})
