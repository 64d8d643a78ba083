import { resizeAndCrop } from '../media/centre-crop.ts'
import { patchify } from '../media/qwen2-vl-patches.ts'
import type { RgbImage } from '../media/rgb-image.ts'
import { invalidRequestError } from '../util/errors.ts'
import type { ClipTags, Encode, ExpandedPrompt, HostArray, MediaKind, PreparedByKind, PreparedMedia } from './family.ts'
import type { LlavaConfig } from './llava-config.ts'
import { expandPlaceholders } from './placeholders.ts'

/** One picture: its short side resized to the tower's, the middle cut out, in patches by rows. */
export function prepareImage({ vision, pixels, imageTokens }: LlavaConfig, image: RgbImage): PreparedMedia {
  const { patchSize, imageSize } = vision
  const square = resizeAndCrop(image, { shortSide: pixels.shortSide, side: imageSize, filter: pixels.filter })
  const { data, grid } = patchify([square], { patchSize, mergeSize: 1, temporalPatchSize: 1, mean: pixels.mean, std: pixels.std })
  return {
    kind: 'image',
    tokens: imageTokens,
    grid,
    inputs: { patches: { data, shape: [vision.patches, 3 * patchSize ** 2] } },
  }
}

/** In a text a clip is `<video>`, and becomes one `<image>` per frame. */
export const clipTags: ClipTags = { clip: () => '<video>', picture: () => '<image>' }

/** Pre-computed embeddings: `image_embeds` f32 [pictures, rows, hidden], what the projector gives; [rows, hidden] for one picture. */
export function prepareEmbeds(config: LlavaConfig, kind: MediaKind, tensors: Readonly<Record<string, HostArray>>): PreparedMedia[] {
  const embeds = tensors[`${kind}_embeds`]
  const { imageTokens: tokens, hidden } = config
  if (!embeds) {
    throw invalidRequestError(`Pre-computed ${kind} embeddings need ${kind}_embeds; got ${Object.keys(tensors).join(', ') || 'nothing'}.`)
  }
  const { shape } = embeds
  const [rows, width] = shape.slice(-2)
  const items = shape.length === 3 ? (shape[0] ?? 0) : 1
  if (shape.length < 2 || shape.length > 3 || items < 1 || rows !== tokens || width !== hidden) {
    throw invalidRequestError(`${kind}_embeds has shape [${shape}]; expected [${kind}s, ${tokens}, ${hidden}].`)
  }
  return Array.from({ length: items }, (_, i) => ({
    kind,
    tokens,
    grid: [1, tokens],
    inputs: {
      embeds: { data: Float32Array.from(embeds.data.subarray(i * tokens * hidden, (i + 1) * tokens * hidden)), shape: [tokens, hidden] },
    },
  }))
}

/** Replaces each `<image>` by as many as a picture has embedding rows. */
export function expandPrompt(
  { imageToken: token }: LlavaConfig,
  prompt: string | readonly number[],
  encode: Encode,
  media: PreparedByKind,
): ExpandedPrompt {
  const ids = typeof prompt === 'string' ? encode(prompt, true) : prompt
  return expandPlaceholders(ids, [{ kind: 'image', token, example: '<image>' }], media)
}
