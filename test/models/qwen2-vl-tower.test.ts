import { beforeAll, describe, expect, it } from 'vitest'
import { loadWeights } from '../../src/engine/weight-loader.ts'
import type { Gpu } from '../../src/gpu/device.ts'
import type { WeightReader } from '../../src/layers/weights.ts'
import { decodeImage } from '../../src/media/decode.ts'
import type { RgbImage } from '../../src/media/rgb-image.ts'
import type { HostArray, PreparedMedia } from '../../src/models/family.ts'
import { encodePatches, mergePatches, type PatchInputs, type Qwen2VlWeights, qwen2Vl } from '../../src/models/qwen2-vl.ts'
import { prepareVideo } from '../../src/models/qwen2-vl-processor.ts'
import { openCheckpoint } from '../../src/weights/checkpoint.ts'
import { openSource } from '../../src/weights/source.ts'
import { compareTensor } from '../support/golden-checks.ts'
import { type GoldenTensor, inputUrl, readGolden } from '../support/goldens.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'

const golden = await readGolden('qwen2_vl')
const source = openSource(new URL('/test/goldens/qwen2_vl/checkpoint/', location.href).href, {})
const readJson = async (path: string) => (await source.json(path)) as Record<string, unknown>
const config = qwen2Vl.readConfig({
  config: await readJson('config.json'),
  generationConfig: await readJson('generation_config.json'),
  preprocessorConfig: await readJson('preprocessor_config.json'),
  videoPreprocessorConfig: undefined,
  processorConfig: undefined,
})

const picture = async (path: string): Promise<RgbImage> =>
  decodeImage({ kind: 'url', url: new URL(inputUrl(path), location.href).href }, {})

/** A case's items, prepared from its files. */
async function prepare(name: string): Promise<PreparedMedia[]> {
  const { multi_modal_data: media, mm_processor_kwargs: options = {} } = golden.cases.find((entry) => entry.name === name)?.request ?? {}
  const images = Array.isArray(media?.image) ? media.image : []
  const prepared = await Promise.all(images.map(async (path) => qwen2Vl.prepareImage(config, await picture(path), options)))
  for (const { frames } of media?.video ?? []) prepared.push(prepareVideo(config, await Promise.all(frames.map(picture)), options))
  return prepared
}

describe('the vision tower of qwen2_vl', () => {
  let gpu: Gpu
  let weights: Qwen2VlWeights
  beforeAll(async () => {
    gpu = await testGpu()
    const declare = (reader: WeightReader): Qwen2VlWeights => qwen2Vl.readWeights(reader, config)
    weights = await loadWeights(gpu, await openCheckpoint(source), declare, {
      modelType: 'qwen2_vl',
      dtype: 'float32',
      quantization: 'none',
    })
  })
  const toTensor = ({ data, shape }: HostArray) => upload(gpu, 'f32', shape, data)

  for (const name of ['image', 'two_images_interleaved', 'video_resized', 'image_then_video', 'pixel_limits_in_request']) {
    it(`agrees with the reference before and after its merger: ${name}`, async () => {
      const intermediates = golden.cases.find((entry) => entry.name === name)?.intermediates ?? {}
      const counts = { image: 0, video: 0, audio: 0 }
      for (const item of await prepare(name)) {
        const label = `${item.kind} ${counts[item.kind]++}`
        const inputs = Object.fromEntries(Object.entries(item.inputs).map(([key, array]) => [key, toTensor(array)]))
        const [tower, merged] = await runOnce(gpu, (step) => {
          const x = encodePatches(step, weights.vision, config.vision, item.grid, inputs as unknown as PatchInputs)
          return [x, mergePatches(step, weights.vision, config.vision, x)]
        })
        const pixels = intermediates[`pixel_values[${label}]`] as GoldenTensor
        expect(item.inputs['patches']?.shape).toEqual(pixels.shape)
        expect(compareTensor(item.inputs['patches']?.data ?? [], pixels).error).toBeLessThan(1e-5)
        const before = compareTensor(tower ?? [], intermediates[`vision_output[${label}]`] as GoldenTensor)
        expect(before.error).toBeLessThan(before.allowed)
        const after = compareTensor(merged ?? [], intermediates[`projector_output[${label}]`] as GoldenTensor)
        expect(after.error).toBeLessThan(after.allowed)
      }
    })
  }
})
