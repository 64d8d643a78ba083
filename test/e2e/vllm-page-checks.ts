import type { Page } from 'playwright'
import { expect } from 'vitest'
import type { EmbeddingRequestOutput, RequestOutput } from '../../src/index.ts'
import { ask, type Family, type GoldenAnswer, golden, type PlainPrompt, tolerance, type WhatCame } from './vllm-page-runs.ts'

/** How an example is held against the reference: by whose checkpoint, with which file, and what must be the same. */
interface Check {
  family: Family
  /** The file that the example takes, in the family's goldens. */
  file?: string
  compare(came: WhatCame, page: Page): Promise<void> | void
}

/** What both kinds of chat completions have. */
interface Completion {
  choices: { message: { content: string } }[]
  usage: { prompt_tokens: number }
}

interface Embeddings {
  data: { embedding: number[] }[]
  usage: { prompt_tokens: number }
}

const textOf = ({ name, generated }: GoldenAnswer): string => {
  if (!generated) throw new Error(`${name} has no text`)
  return generated.text
}

/** Outputs of generate() or chat(): prompt ids, tokens and text are PyTorch's. */
const outputs = (family: Family, cases: readonly string[], file?: string): Check => ({
  family,
  ...(file !== undefined && { file }),
  compare({ printed, returned }) {
    const found = (returned as RequestOutput[]).map(({ prompt_token_ids, outputs }) => [prompt_token_ids, outputs[0]?.token_ids])
    const wanted = cases.map((name) => golden(family, name))
    expect(found).toEqual(wanted.map(({ prompt_token_ids, generated }) => [prompt_token_ids, generated?.token_ids]))
    expect(printed).toEqual(wanted.map(textOf))
  },
})

/** An answer of the endpoint: text and number of prompt tokens are PyTorch's. */
const completion = (family: Family, name: string, file?: string): Check => ({
  family,
  ...(file !== undefined && { file }),
  compare({ printed, returned }) {
    const { choices, usage } = returned as Completion
    const wanted = golden(family, name)
    expect([choices[0]?.message.content, usage.prompt_tokens]).toEqual([textOf(wanted), wanted.prompt_token_ids.length])
    expect(printed).toEqual([textOf(wanted)])
  },
})

/** Vectors of this size, within the goldens' tolerance. */
function expectVectors(family: Family, size: number, cases: readonly string[], found: readonly (readonly number[] | undefined)[]): void {
  const wanted = cases.map((name) => golden(family, name).embedding?.[size] ?? [])
  expect(found.map((vector) => vector?.length)).toEqual(cases.map(() => size))
  const errors = wanted.map((vector, i) => Math.max(...vector.map((value, at) => Math.abs(value - (found[i]?.[at] ?? Number.NaN)))))
  for (const error of errors) expect(error).toBeLessThan(tolerance(family))
}

const dot = (a: readonly number[] = [], b: readonly number[] = []): number => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)

/** Vectors of embed(), and the likeness of the first to the others, which the example prints with four digits. */
const vectors = (family: Family, size: number, cases: readonly string[]): Check => ({
  family,
  compare({ printed, returned }) {
    const found = (returned as EmbeddingRequestOutput[]).map(({ outputs }) => outputs.embedding)
    expectVectors(family, size, cases, found)
    const likeness = printed.map((line) => Number(/-?\d\.\d{4}$/.exec(line)?.[0]))
    expect(likeness).toEqual(found.slice(1).map((vector) => Number(dot(found[0], vector).toFixed(4))))
  },
})

/** Answers of /v1/embeddings, one vector each, with the tokens that were read. */
const embeddings = (family: Family, size: number, cases: readonly string[]): Check => ({
  family,
  compare({ printed, returned }) {
    const answers = returned as Embeddings[]
    const found = answers.map(({ data }) => data[0]?.embedding)
    expectVectors(family, size, cases, found)
    const lengths = cases.map((name) => golden(family, name).prompt_token_ids.length)
    expect(answers.map(({ usage }) => usage.prompt_tokens)).toEqual(lengths)
    expect(printed).toEqual(lengths.map((length) => `${size} values, ${length} tokens read`))
  },
})

const QWEN = (content: string): string =>
  `<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n${content}<|im_end|>\n<|im_start|>assistant\n`
const media = (name: string): string => `/examples/media/${name}`

/** How often the commonest id stands in a prompt: as often as its media have rows. */
const mediaTokens = (ids: readonly number[]): number => Math.max(...ids.map((id) => ids.filter((other) => other === id).length))

/** The same asked of the library as a plain prompt, whose media have so many tokens: for examples that have no golden case. */
const direct = (family: Family, prompt: PlainPrompt, tokens: number, limit?: Record<string, number>): Check => ({
  family,
  async compare({ printed, returned }, page) {
    const output = await ask(page, family, prompt, limit)
    const [found] = output.outputs
    expect(mediaTokens(output.prompt_token_ids)).toBe(tokens)
    expect(found?.text.length).toBeGreaterThan(0)
    expect(printed).toEqual([found?.text])
    if (Array.isArray(returned)) expect(returned[0].prompt_token_ids).toEqual(output.prompt_token_ids)
    else expect((returned as Completion).usage.prompt_tokens).toBe(output.prompt_token_ids.length)
  },
})

const pads = '<|vision_start|><|image_pad|><|vision_end|>'.repeat(4)
const frames = direct(
  'qwen2_vl',
  {
    prompt: QWEN(`Describe these frames. Take them as parts of one video.${pads}`),
    multi_modal_data: { image: [0, 1, 2, 3].map((i) => media(`ball-${i}.png`)) },
  },
  // Pictures of 4 × 3 squares of 28 pixels.
  4 * 12,
  { image: 4 },
)
const clip = direct(
  'qwen2_vl',
  {
    prompt: QWEN('<|vision_start|><|video_pad|><|vision_end|>What happens in the video?'),
    multi_modal_data: { video: media('ball.webm') },
    media_io_kwargs: { video: { num_frames: 4 } },
  },
  // Four frames of 8 × 6 squares of 28 pixels, two by two.
  2 * 48,
)

const EMBEDS = 'embeds/image.safetensors'

/** By example. Names of golden cases are those in test/goldens/FAMILY/expected.json. */
export const checks: Readonly<Record<string, Check>> = {
  'image-single': outputs('llava', ['image']),
  'image-batch': outputs('llava', ['image', 'upscaled_image']),
  'image-multi': outputs('phi3_v', ['two_images']),
  'image-chat': outputs('qwen2_vl', ['two_images_interleaved']),
  'image-slices': outputs('minicpmv', ['sliced_image']),
  'frames-as-images': frames,
  'video-frames': outputs('qwen2_vl', ['video']),
  'video-file': clip,
  audio: outputs('ultravox', ['raw_prompt']),
  'image-embeds-llava': outputs('llava', ['image_embeds'], EMBEDS),
  'image-embeds-qwen2-vl': outputs('qwen2_vl', ['image_embeds'], EMBEDS),
  'image-embeds-minicpmv': outputs('minicpmv', ['image_embeds'], EMBEDS),
  'embed-vlm2vec': vectors('vlm2vec', 64, ['image_query', 'text_target']),
  'embed-dse-qwen2': vectors('dse_qwen2', 32, ['text_query', 'image_document', 'photo_document']),
  'online-image': completion('phi3_v', 'chat_image'),
  'online-multi-image': completion('phi3_v', 'two_images'),
  'online-interleaved': completion('qwen2_vl', 'two_images_interleaved'),
  'online-video-url': clip,
  'online-input-audio': completion('ultravox', 'audio_short'),
  'online-audio-url': completion('ultravox', 'audio_22050_hz'),
  'online-image-embeds-llava': completion('llava', 'image_embeds', EMBEDS),
  'online-image-embeds-qwen2-vl': completion('qwen2_vl', 'image_embeds', EMBEDS),
  'online-image-embeds-minicpmv': completion('minicpmv', 'image_embeds', EMBEDS),
  'online-embeddings-vlm2vec': embeddings('vlm2vec', 64, ['image_target', 'text_target']),
  'online-embeddings-dse-qwen2': embeddings('dse_qwen2', 32, ['text_query', 'image_document']),
}
