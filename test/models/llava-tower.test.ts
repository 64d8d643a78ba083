import { beforeAll, describe, expect, it } from 'vitest'
import { loadWeights } from '../../src/engine/weight-loader.ts'
import type { Gpu } from '../../src/gpu/device.ts'
import { decodeImage } from '../../src/media/decode.ts'
import type { HostArray } from '../../src/models/family.ts'
import { encodeFeatures, type LlavaWeights, llava, projectFeatures } from '../../src/models/llava.ts'
import { readLlavaConfig } from '../../src/models/llava-config.ts'
import { prepareImage } from '../../src/models/llava-processor.ts'
import { openCheckpoint } from '../../src/weights/checkpoint.ts'
import { openSource } from '../../src/weights/source.ts'
import { compareTensor } from '../support/golden-checks.ts'
import { type GoldenTensor, inputUrl, readGolden } from '../support/goldens.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'

const golden = await readGolden('llava')
const source = openSource(new URL('/test/goldens/llava/checkpoint/', location.href).href, {})
const readJson = async (path: string) => (await source.json(path)) as Record<string, unknown>
const config = readLlavaConfig({
  config: await readJson('config.json'),
  generationConfig: await readJson('generation_config.json'),
  preprocessorConfig: await readJson('preprocessor_config.json'),
  videoPreprocessorConfig: undefined,
  processorConfig: undefined,
})

/** Patches back to the picture [3, side, side] that they were cut from. */
function pictureOf({ data }: HostArray): Float32Array {
  const { imageSize: side, patchSize: patch } = config.vision
  const perRow = side / patch
  return Float32Array.from({ length: 3 * side * side }, (_, at) => {
    const [channel, y, x] = [Math.floor(at / side ** 2), Math.floor(at / side) % side, at % side]
    const row = Math.floor(y / patch) * perRow + Math.floor(x / patch)
    return data[((row * 3 + channel) * patch + (y % patch)) * patch + (x % patch)] as number
  })
}

describe('the vision tower of llava', () => {
  let gpu: Gpu
  let weights: LlavaWeights
  beforeAll(async () => {
    gpu = await testGpu()
    weights = await loadWeights(gpu, await openCheckpoint(source), (reader) => llava.readWeights(reader, config), {
      modelType: 'llava',
      dtype: 'float32',
      quantization: 'none',
    })
  })

  for (const { name, request, intermediates } of golden.cases) {
    const images = request.multi_modal_data?.image
    if (!Array.isArray(images)) continue
    it(`agrees with the reference in pixels, features and projection: ${name}`, async () => {
      for (const [i, path] of images.entries()) {
        const image = await decodeImage({ kind: 'url', url: new URL(inputUrl(path), location.href).href }, {})
        const patches = prepareImage(config, image).inputs['patches'] as HostArray
        const pixels = compareTensor(pictureOf(patches), intermediates[`pixel_values[${i}]`] as GoldenTensor)
        expect(pixels.error).toBeLessThan(1e-5)
        const [features, projected] = await runOnce(gpu, (step) => {
          const x = encodeFeatures(step, weights, config, upload(gpu, 'f32', patches.shape, patches.data))
          return [x, projectFeatures(step, weights, config, x)]
        })
        const before = compareTensor(features ?? [], intermediates[`vision_output[${i}]`] as GoldenTensor)
        expect(before.error).toBeLessThan(before.allowed)
        const after = compareTensor(projected ?? [], intermediates[`projector_output[${i}]`] as GoldenTensor)
        expect(after.error).toBeLessThan(after.allowed)
      }
    })
  }
})
