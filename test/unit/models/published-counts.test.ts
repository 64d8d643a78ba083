import { describe, expect, it } from 'vitest'
import { fullShapes } from '../../../cli/shapes/all-shapes.ts'
import type { ModelShape } from '../../../cli/shapes/shape.ts'
import type { RgbImage } from '../../../src/media/rgb-image.ts'
import type { AnyFamily, PreparedMedia } from '../../../src/models/family.ts'
import { expandPrompt } from '../../../src/models/phi3-v-processor.ts'
import { findFamily } from '../../../src/models/registry.ts'
import { goldenTokenizer } from '../../support/golden-files.ts'

// What the models' authors and transformers' own tests say of the released checkpoints, as far as it needs no weights.

const shapeNamed = (name: string): ModelShape => {
  const found = fullShapes.find((shape) => shape.name === name)
  if (!found) throw new Error(`no shape ${name}`)
  return found
}

/** A released model's family and config. Ultravox's parts are read from their own folders. */
function open(name: string): { family: AnyFamily; config: unknown } {
  const [own, ...parts] = shapeNamed(name).folders
  const files = own?.files ?? {}
  const nested = parts.map(({ path, files: { 'config.json': part } }) => [
    path.startsWith('openai/') ? 'audio_config' : 'text_config',
    part,
  ])
  const family = findFamily(files['config.json']?.['model_type'])
  const config = family.readConfig({
    config: { ...files['config.json'], ...Object.fromEntries(nested) },
    generationConfig: files['generation_config.json'],
    preprocessorConfig: files['preprocessor_config.json'],
    videoPreprocessorConfig: undefined,
    processorConfig: undefined,
  })
  return { family, config }
}

const grey = (width: number, height: number): RgbImage => ({ width, height, data: new Uint8Array(3 * width * height).fill(128) })

describe('tokens of a picture', () => {
  const rows: [model: string, options: Record<string, number>, sizes: [width: number, height: number, tokens: number][]][] = [
    [
      'llava_7b',
      {},
      [
        [336, 336, 576],
        [640, 480, 576],
        [503, 336, 576],
        [100, 700, 576],
      ],
    ],
    [
      'phi35v',
      { num_crops: 4 },
      [
        [224, 224, 757],
        [640, 480, 757],
        [480, 640, 757],
        [1280, 640, 457],
        [1920, 1080, 757],
        [100, 1000, 781],
      ],
    ],
    [
      'phi35v',
      { num_crops: 16 },
      [
        [224, 224, 2509],
        [640, 480, 1921],
        [480, 640, 1933],
        [1280, 640, 2353],
        [1920, 1080, 2353],
        [100, 1000, 1717],
      ],
    ],
    [
      'qwen2vl_2b',
      { min_pixels: 3136, max_pixels: 12_845_056 },
      [
        [224, 224, 64],
        [640, 480, 391],
        [1920, 1080, 2691],
        [28, 28, 4],
        [42, 70, 4],
      ],
    ],
    ['qwen2vl_2b', { min_pixels: 784, max_pixels: 1_003_520 }, [[1920, 1080, 1222]]],
    // dse-qwen2: the black picture beside text, its hint for pages, and what a picture of 28×28 would wrongly be.
    [
      'qwen2vl_2b',
      { min_pixels: 784, max_pixels: 2_007_040 },
      [
        [56, 56, 4],
        [680, 680, 576],
        [28, 28, 1],
      ],
    ],
    [
      'minicpm_8b',
      {},
      [
        [224, 224, 64],
        [448, 448, 64],
        [640, 480, 192],
        [1280, 640, 448],
        [1920, 1080, 576],
        [1344, 1344, 640],
        [3000, 200, 320],
      ],
    ],
  ]
  for (const [model, options, sizes] of rows)
    it(`${model} ${JSON.stringify(options)}`, () => {
      const { family, config } = open(model)
      const counts = sizes.map(([width, height]) => family.prepareImage(config, grey(width, height), options).tokens)
      expect(counts).toEqual(sizes.map(([, , tokens]) => tokens))
    })
})

describe('tokens of a clip', () => {
  it('are for Qwen2-VL those of a picture for every two frames, the last repeated', () => {
    const { family, config } = open('qwen2vl_2b')
    const options = { min_pixels: 3136, max_pixels: 12_845_056 }
    for (const [frames, pairs] of [
      [1, 1],
      [2, 1],
      [5, 3],
      [8, 4],
    ] as const) {
      const clip = Array.from({ length: frames }, () => grey(224, 224))
      expect(family.prepareVideo?.(config, clip, options).tokens).toBe(64 * pairs)
    }
  })

  it('are for MiniCPM-V those of two slices for each frame at most', () => {
    const { family, config } = open('minicpm_8b')
    expect(family.prepareVideo?.(config, [grey(1920, 1080), grey(1920, 1080)], {}).tokens).toBe(2 * 192)
  })
})

describe('lengths of Phi-3.5-vision’s prompts', () => {
  const tokenizer = goldenTokenizer('phi3_v')
  const encode = (text: string, special: boolean) => tokenizer.encode(text, { addSpecialTokens: special && 'auto' })
  const lengthOf = (prompt: string, num_crops: number, count: number): number => {
    const { family, config } = open('phi35v')
    const image = Array.from({ length: count }, (): PreparedMedia => family.prepareImage(config, grey(224, 224), { num_crops }))
    return expandPrompt(config as Parameters<typeof expandPrompt>[0], prompt, encode, { image }).tokenIds.length
  }

  it('differ by their pictures’ tokens and nothing else', () => {
    const one = '<|user|>\n<|image_1|>\nDescribe this image.<|end|>\n<|assistant|>\n'
    // 773 tokens with 4 crops, 2525 with 16: the text's own are 16 with the released tokenizer, which is not here.
    expect(lengthOf(one, 16, 1) - lengthOf(one, 4, 1)).toBe(2525 - 773)
    const pieces = ['<|user|>\n', '\n', '\nDescribe these images.<|end|>\n<|assistant|>\n']
    const text = pieces.reduce((sum, piece) => sum + encode(piece, true).length, 0)
    expect(lengthOf(`${pieces[0]}<|image_1|>${pieces[1]}<|image_2|>${pieces[2]}`, 4, 2)).toBe(2 * 757 + text)
    // Each picture is followed by another beginning.
    expect(encode(pieces[1] ?? '', true)[0]).toBe(tokenizer.bosTokenId)
  })
})

describe('sizes', () => {
  it.each([
    ['llava_7b', 7.063, 524_288],
    ['phi35v', 4.147, 393_216],
    ['qwen2vl_2b', 2.209, 28_672],
    ['minicpm_8b', 8.099, 57_344],
    ['ultravox_8b', 8.152, 131_072],
  ])('%s: %s billion parameters, %s bytes of keys and values for each token in float16', (name, billions, bytes) => {
    const { family, config } = open(name)
    const parameters = shapeNamed(name).folders.flatMap(({ tensors }) => tensors.map(({ shape }) => shape.reduce((a, b) => a * b, 1)))
    expect(parameters.reduce((a, b) => a + b, 0) / 1e9).toBeCloseTo(billions, 2)
    const { layers, kvHeads, headDim } = family.decoder(config)
    expect(2 * layers * kvHeads * headDim * 2).toBe(bytes)
  })
})
