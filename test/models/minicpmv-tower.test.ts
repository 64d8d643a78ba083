import { beforeAll, describe, expect, it } from 'vitest'
import { loadWeights } from '../../src/engine/weight-loader.ts'
import type { Gpu } from '../../src/gpu/device.ts'
import type { Tensor } from '../../src/gpu/tensor.ts'
import type { WeightReader } from '../../src/layers/weights.ts'
import { decodeImage } from '../../src/media/decode.ts'
import type { HostArray } from '../../src/models/family.ts'
import { type MinicpmvWeights, minicpmv } from '../../src/models/minicpmv.ts'
import { readMinicpmvConfig } from '../../src/models/minicpmv-config.ts'
import { prepareImage } from '../../src/models/minicpmv-processor.ts'
import { encodeSiglip } from '../../src/models/siglip.ts'
import { openCheckpoint } from '../../src/weights/checkpoint.ts'
import { openSource } from '../../src/weights/source.ts'
import { compareTensor } from '../support/golden-checks.ts'
import { type GoldenTensor, inputUrl, readGolden } from '../support/goldens.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'

const golden = await readGolden('minicpmv')
const source = openSource(new URL('/test/goldens/minicpmv/checkpoint/', location.href).href, {})
const readJson = async (path: string) => (await source.json(path)) as Record<string, unknown>
const config = readMinicpmvConfig({
  config: await readJson('config.json'),
  generationConfig: await readJson('generation_config.json'),
  preprocessorConfig: await readJson('preprocessor_config.json'),
  videoPreprocessorConfig: undefined,
  processorConfig: undefined,
})
const { queries, hidden } = config.resampler

/** One part of an item: where it stands, what it is made of. */
interface Part {
  rows: number
  cols: number
  pixels: Float32Array
  vision: ArrayLike<number>
}

/** Patches [rows · cols, 3 · 14 · 14] back to the picture [3, height, width] that they were cut from. */
function pictureOf(patches: ArrayLike<number>, rows: number, cols: number): Float32Array {
  const patch = config.vision.patchSize
  const [height, width] = [rows * patch, cols * patch]
  return Float32Array.from({ length: 3 * height * width }, (_, at) => {
    const [channel, y, x] = [Math.floor(at / (height * width)), Math.floor(at / width) % height, at % width]
    const row = Math.floor(y / patch) * cols + Math.floor(x / patch)
    return patches[((row * 3 + channel) * patch + (y % patch)) * patch + (x % patch)] as number
  })
}

describe('the vision tower and the resampler of minicpmv', () => {
  let gpu: Gpu
  let weights: MinicpmvWeights
  beforeAll(async () => {
    gpu = await testGpu()
    const declare = (reader: WeightReader): MinicpmvWeights => minicpmv.readWeights(reader, config)
    weights = await loadWeights(gpu, await openCheckpoint(source), declare, {
      modelType: 'minicpmv',
      dtype: 'float32',
      quantization: 'none',
    })
  })

  /** All parts of an item, and its embedding rows. */
  async function encode(path: string): Promise<{ parts: Part[]; embeds: ArrayLike<number> }> {
    const item = prepareImage(config, await decodeImage({ kind: 'url', url: new URL(inputUrl(path), location.href).href }, {}), {})
    const inputs = Object.entries(item.inputs).map(([name, { shape, data }]): [string, Tensor] => [name, upload(gpu, 'f32', shape, data)])
    const chunks = inputs.map(([name, tensor], i) => {
      const [count = 0, rows = 0, cols = 0] = item.grid.slice(3 + 3 * i)
      return { count, rows, cols, tensor, data: (item.inputs[name] as HostArray).data }
    })
    const [embeds = [], ...towers] = await runOnce(gpu, (step) => [
      minicpmv.encode(step, weights, config, 'image', item.grid, Object.fromEntries(inputs)),
      ...chunks.map(({ tensor, rows, cols }) => encodeSiglip(step, weights.vision, config.vision, tensor, [rows, cols])),
    ])
    const parts = chunks.flatMap(({ count, rows, cols, data }, chunk) =>
      Array.from({ length: count }, (_, i) => {
        const slice = (values: ArrayLike<number>, width: number) =>
          Array.prototype.slice.call(values, i * rows * cols * width, (i + 1) * rows * cols * width) as number[]
        const pixels = pictureOf(slice(data, 3 * config.vision.patchSize ** 2), rows, cols)
        return { rows, cols, pixels, vision: slice(towers[chunk] ?? [], config.vision.dim) }
      }),
    )
    return { parts, embeds }
  }

  for (const { name, request, intermediates } of golden.cases) {
    const images = request.multi_modal_data?.image
    if (!Array.isArray(images)) continue
    it(`agree with the reference in pixels, features and rows: ${name}`, async () => {
      for (const [i, path] of images.entries()) {
        const { parts, embeds } = await encode(path)
        expect(Object.keys(intermediates).filter((key) => key.startsWith(`pixel_values[${i}]`)).length).toBe(parts.length)
        for (const [k, part] of parts.entries()) {
          const pixels = intermediates[`pixel_values[${i}][${k}]`] as GoldenTensor
          expect(pixels.shape).toEqual([3, 14 * part.rows, 14 * part.cols])
          expect(compareTensor(part.pixels, pixels).error).toBeLessThan(1e-5)
          const features = intermediates[`vision_output[${i}][${k}]`]
          if (features) {
            const { error, allowed } = compareTensor(part.vision, features)
            expect(error).toBeLessThan(allowed)
          }
          const rows = Array.prototype.slice.call(embeds, k * queries * hidden, (k + 1) * queries * hidden) as number[]
          const { error, allowed } = compareTensor(rows, intermediates[`resampler_output[${i}][${k}]`] as GoldenTensor)
          expect(error).toBeLessThan(allowed)
        }
      }
    })
  }
})
