import { beforeAll, describe, expect, it } from 'vitest'
import { loadWeights } from '../../src/engine/weight-loader.ts'
import type { Gpu } from '../../src/gpu/device.ts'
import { decodeImage } from '../../src/media/decode.ts'
import { encodeClip } from '../../src/models/clip.ts'
import type { HostArray } from '../../src/models/family.ts'
import { mergeFeatures, type Phi3VWeights, phi3V, projectFeatures } from '../../src/models/phi3-v.ts'
import { readPhi3VConfig } from '../../src/models/phi3-v-config.ts'
import { prepareImage } from '../../src/models/phi3-v-processor.ts'
import { openCheckpoint } from '../../src/weights/checkpoint.ts'
import { openSource } from '../../src/weights/source.ts'
import { compareTensor } from '../support/golden-checks.ts'
import { type GoldenTensor, inputUrl, readGolden } from '../support/goldens.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'

const golden = await readGolden('phi3_v')
const source = openSource(new URL('/test/goldens/phi3_v/checkpoint/', location.href).href, {})
const readJson = async (path: string) => (await source.json(path)) as Record<string, unknown>
const config = readPhi3VConfig({
  config: await readJson('config.json'),
  generationConfig: await readJson('generation_config.json'),
  preprocessorConfig: await readJson('preprocessor_config.json'),
  videoPreprocessorConfig: undefined,
  processorConfig: undefined,
})

describe('the vision part of phi3_v', () => {
  let gpu: Gpu
  let vision: Phi3VWeights['vision']
  beforeAll(async () => {
    gpu = await testGpu()
    const weights = await loadWeights(gpu, await openCheckpoint(source), (reader) => phi3V.readWeights(reader, config), {
      modelType: 'phi3_v',
      dtype: 'float32',
      quantization: 'none',
    })
    vision = weights.vision
  })
  const run = async (c: typeof config, { data, shape }: HostArray, grid: readonly number[]) =>
    runOnce(gpu, (step) => {
      const features = encodeClip(step, vision.tower, c.vision, upload(gpu, 'f32', shape, data))
      const merged = mergeFeatures(step, vision, c, grid, features)
      return [merged, projectFeatures(step, vision, merged)]
    })
  const prepare = async (path: string, options: object) => {
    const image = await decodeImage({ kind: 'url', url: new URL(inputUrl(path), location.href).href }, {})
    return prepareImage(config, image, { ...options })
  }

  for (const { name, request, intermediates } of golden.cases) {
    const images = request.multi_modal_data?.image
    if (!Array.isArray(images)) continue
    it(`agrees with the reference before and after its projection: ${name}`, async () => {
      for (const [i, path] of images.entries()) {
        const { inputs, grid, tokens } = await prepare(path, request.mm_processor_kwargs ?? {})
        const [merged, projected] = await run(config, inputs['patches'] as HostArray, grid)
        expect(projected?.length).toBe(tokens * config.hidden)
        const before = compareTensor(merged ?? [], intermediates[`merged_features[${i}]`] as GoldenTensor)
        expect(before.error).toBeLessThan(before.allowed)
        const after = compareTensor(projected ?? [], intermediates[`projector_output[${i}]`] as GoldenTensor)
        expect(after.error).toBeLessThan(after.allowed)
      }
    })
  }

  it('puts the whole picture first where the config says so', async () => {
    const { inputs, grid, tokens } = await prepare('images/wide.png', {})
    const width = 4 * config.vision.dim
    const [last] = await run(config, inputs['patches'] as HostArray, grid)
    const [first] = await run({ ...config, order: 'glb_sub' }, inputs['patches'] as HostArray, grid)
    // The whole: two rows of two, each with its end.
    const whole = 6 * width
    const crops = (tokens - 7) * width
    expect([...(first ?? []).slice(0, whole)]).toEqual([...(last ?? []).slice(crops + width)])
    expect([...(first ?? []).slice(whole, whole + width)]).toEqual([...(last ?? []).slice(crops, crops + width)])
    expect([...(first ?? []).slice(whole + width)]).toEqual([...(last ?? []).slice(0, crops)])
  })
})
