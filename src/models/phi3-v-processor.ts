import { cutPatches, frameHd, hdPixels, planHd } from '../media/hd-transform.ts'
import type { RgbImage } from '../media/rgb-image.ts'
import { invalidRequestError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'
import type { ClipTags, Encode, ExpandedPrompt, HostArray, MediaKind, MediaSpan, PreparedByKind, PreparedMedia } from './family.ts'
import type { Phi3VConfig } from './phi3-v-config.ts'
import { expandPlaceholders } from './placeholders.ts'

type Options = Readonly<Record<string, unknown>>

/** What stands for a picture in ids; texts have numbered tags. */
const IMAGE_TOKEN = '<|image|>'
const TAG = /<\|image_(\d+)\|>/

/** The tag of a picture by its number, from 1. */
export const imageTag = (number: number): string => `<|image_${number}|>`

/** In a text a clip is `<|video_1|>`, and becomes one picture's tag per frame. */
export const clipTags: ClipTags = { clip: (number) => `<|video_${number}|>`, picture: imageTag }

/** Embedding rows of a picture of `rows` × `cols` crops: the crops' and the whole's, a separator per line, and one between the two. */
export const tokensOf = ({ cropRows }: Phi3VConfig, rows: number, cols: number): number =>
  (rows * cols + 1) * cropRows ** 2 + (rows + 1) * cropRows + 1

/** One picture: scaled and padded to whole crops, seen as a whole and crop by crop. Option: num_crops. */
export function prepareImage(config: Phi3VConfig, image: RgbImage, options: Options): PreparedMedia {
  const { imageSize: side, patchSize, patches } = config.vision
  const plan = planHd(image.width, image.height, { side, crops: cropsOf(config, options) })
  const [rows, cols] = plan.grid
  const tokens = tokensOf(config, rows, cols)
  // What can never fit into a prompt is refused before any memory is taken for it.
  if (tokens > config.maxPositions) {
    throw invalidRequestError(
      `The image would be cut into ${rows * cols} crops and take ${tokens} tokens, but the model's positions end at ${config.maxPositions}; lower num_crops in mm_processor_kwargs.`,
    )
  }
  const pixels = hdPixels(frameHd(image, plan, side), side, config.pixels)
  const data = cutPatches(pixels, side, patchSize)
  return {
    kind: 'image',
    grid: [rows, cols],
    tokens,
    inputs: { patches: { data, shape: [(rows * cols + 1) * patches, 3 * patchSize ** 2] } },
  }
}

function cropsOf({ crops }: Phi3VConfig, { num_crops: given = crops.usual }: Options): number {
  if (Number.isSafeInteger(given) && Number(given) >= 1 && Number(given) <= crops.most) return Number(given)
  throw invalidRequestError(`mm_processor_kwargs.num_crops is ${showValue(given)}; it must be a whole number from 1 to ${crops.most}.`)
}

/** Pre-computed embeddings: `image_embeds` f32 [items, tokens, hidden], or [tokens, hidden] of one picture. */
export function prepareEmbeds({ hidden }: Phi3VConfig, kind: MediaKind, tensors: Readonly<Record<string, HostArray>>): PreparedMedia[] {
  const embeds = tensors['image_embeds']
  if (!embeds) {
    throw invalidRequestError(`Pre-computed ${kind} embeddings need image_embeds; got ${Object.keys(tensors).join(', ') || 'nothing'}.`)
  }
  const { shape } = embeds
  const [items = 0, tokens = 0, width] = shape.length === 2 ? [1, ...shape] : shape
  if (shape.length < 2 || shape.length > 3 || width !== hidden || items * tokens === 0) {
    throw invalidRequestError(
      `image_embeds has shape [${shape}]; expected [items, tokens, ${hidden}], or [tokens, ${hidden}] for one image.`,
    )
  }
  const size = tokens * hidden
  return Array.from({ length: items }, (_, i) => {
    const data = Float32Array.from(embeds.data.subarray(i * size, (i + 1) * size))
    return { kind: 'image', grid: [], tokens, inputs: { embeds: { data, shape: [tokens, hidden] } } }
  })
}

/**
 * A text is cut at its tags `<|image_1|>`, `<|image_2|>`, …: each piece is encoded by itself, with the special tokens of a text's beginning,
 * and the pictures' tokens go between. A picture may be named several times, and in any order. In a prompt given as ids, `<|image|>` stands
 * for the pictures in order. Errors: InvalidRequestError when tags and pictures do not match.
 */
export function expandPrompt(
  _config: Phi3VConfig,
  prompt: string | readonly number[],
  encode: Encode,
  media: PreparedByKind,
): ExpandedPrompt {
  const [token, ...more] = encode(IMAGE_TOKEN, false)
  const images = media.image ?? []
  if (token === undefined || more.length > 0) {
    if (images.length > 0) throw invalidRequestError(`The tokenizer has no token ${IMAGE_TOKEN}, so no image can be placed in a prompt.`)
    return { tokenIds: typeof prompt === 'string' ? encode(prompt, true) : [...prompt], spans: [] }
  }
  if (typeof prompt !== 'string') return expandPlaceholders(prompt, [{ kind: 'image', token, example: IMAGE_TOKEN }], media)
  // Every other piece is the number of a tag.
  const pieces = prompt.split(TAG)
  checkTags(
    pieces.filter((_, i) => i % 2 === 1),
    images.length,
  )
  const tokenIds: number[] = []
  const spans: MediaSpan[] = []
  for (const [i, piece] of pieces.entries()) {
    if (i % 2 === 0) {
      for (const id of encode(piece, true)) tokenIds.push(id)
      continue
    }
    const item = Number(piece) - 1
    const length = images[item]?.tokens ?? 0
    spans.push({ kind: 'image', item, offset: tokenIds.length, length })
    for (let k = 0; k < length; k++) tokenIds.push(token)
  }
  return { tokenIds, spans }
}

/** A text as expandPrompt encodes it, with `<|image|>` where a picture's tokens go. */
export function unexpandedIds(_config: Phi3VConfig, text: string, encode: Encode): number[] {
  const token = encode(IMAGE_TOKEN, false)
  if (token.length !== 1) return encode(text, true)
  return text.split(TAG).flatMap((piece, i) => (i % 2 === 0 ? encode(piece, true) : token))
}

function checkTags(numbers: readonly string[], images: number): void {
  const named = new Set(numbers.map(Number))
  const missing = Array.from({ length: images }, (_, i) => i + 1).find((number) => !named.has(number))
  const beyond = [...named].find((number) => number < 1 || number > images)
  if (missing === undefined && beyond === undefined) return
  const tags = [...new Set(numbers.map((number) => `<|image_${number}|>`))].join(', ')
  throw invalidRequestError(
    `The prompt has ${tags || 'no image tag'} but multi_modal_data has ${images} image(s); give one tag per image, counted from ${imageTag(1)}, or use chat messages.`,
  )
}
