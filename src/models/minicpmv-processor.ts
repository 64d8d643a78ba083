import { planSlices, type SliceOptions, slicePicture } from '../media/minicpmv-slices.ts'
import { patchify } from '../media/qwen2-vl-patches.ts'
import type { RgbImage } from '../media/rgb-image.ts'
import { invalidRequestError, mediaError } from '../util/errors.ts'
import type { HostArray, MediaKind, PreparedMedia } from './family.ts'
import { frameSize } from './frame-size.ts'
import type { MinicpmvConfig } from './minicpmv-config.ts'

type Options = Readonly<Record<string, unknown>>

/** Slices of a clip's frame at most, unless a request says otherwise: as the model's own example has it. */
const FRAME_SLICES = 2

/** Patches encoded together: the widest rows of the real model, 4304 values, then stay under 80 MB. */
const CHUNK_PATCHES = 4096

/** A picture that is thinner than this would become thousands of patches wide. */
const MAX_ASPECT_RATIO = 1000

/**
 * An item's geometry, PreparedMedia.grid: pictures, columns and rows of each one's slices (0, 0 without), then for every chunk of
 * patches: parts, rows and columns of patches of each.
 */
export const GRID_HEAD = 3

/** One picture: an overview and, if it is large, slices. */
export const prepareImage = (config: MinicpmvConfig, image: RgbImage, options: Options): PreparedMedia =>
  preparePictures('image', config, [image], options)

/** A clip: every frame as a picture, with fewer slices. */
export const prepareVideo = (config: MinicpmvConfig, frames: readonly RgbImage[], options: Options): PreparedMedia =>
  preparePictures('video', config, frames, options)

function preparePictures(kind: MediaKind, config: MinicpmvConfig, pictures: readonly RgbImage[], options: Options): PreparedMedia {
  const { width, height } = frameSize(pictures)
  if (Math.max(width, height) > MAX_ASPECT_RATIO * Math.min(width, height)) {
    throw mediaError(`The picture is ${width}×${height} pixels, an aspect ratio above ${MAX_ASPECT_RATIO}; crop it.`)
  }
  const plan = planSlices(width, height, slicingOf(kind, config, options))
  const [cols, rows] = plan.slices?.grid ?? [0, 0]
  const tokens = pictures.length * (1 + cols * rows) * config.resampler.queries
  checkTokens(kind, pictures.length, cols * rows, tokens, config)
  const cut = pictures.map((picture) => slicePicture(picture, plan))
  const chunks = [cut.map(({ overview }) => overview), cut.flatMap(({ slices }) => slices)].flatMap((parts) => cutParts(parts, config))
  return {
    kind,
    tokens,
    grid: [pictures.length, cols, rows, ...chunks.flatMap(({ grid }) => grid)],
    inputs: Object.fromEntries(chunks.map(({ patches }, i) => [`patches${i}`, patches])),
  }
}

interface Chunk {
  readonly grid: readonly [parts: number, rows: number, cols: number]
  readonly patches: HostArray
}

/** Patches of parts of one size, a limited number together. */
function cutParts(parts: readonly RgbImage[], { slicing: { patchSize }, mean, std }: MinicpmvConfig): Chunk[] {
  const [first] = parts
  if (!first) return []
  const perPart = (first.width * first.height) / patchSize ** 2
  const together = Math.max(1, Math.floor(CHUNK_PATCHES / perPart))
  const chunks: Chunk[] = []
  for (let at = 0; at < parts.length; at += together) {
    const { data, grid } = patchify(parts.slice(at, at + together), { patchSize, mergeSize: 1, temporalPatchSize: 1, mean, std })
    chunks.push({ grid, patches: { data, shape: [grid[0] * perPart, 3 * patchSize ** 2] } })
  }
  return chunks
}

function slicingOf(kind: MediaKind, { slicing }: MinicpmvConfig, options: Options): SliceOptions {
  const given = options['max_slice_nums']
  if (given === undefined) return kind === 'video' ? { ...slicing, maxSlices: Math.min(FRAME_SLICES, slicing.maxSlices) } : slicing
  if (Number.isSafeInteger(given) && (given as number) > 0) return { ...slicing, maxSlices: given as number }
  throw invalidRequestError(`mm_processor_kwargs.max_slice_nums is ${JSON.stringify(given)}; it must be a whole number above zero.`)
}

/** What can never fit into a prompt is refused before any memory is taken for it. */
function checkTokens(kind: MediaKind, pictures: number, slices: number, tokens: number, { maxPositions }: MinicpmvConfig): void {
  if (tokens <= maxPositions) return
  const what = kind === 'video' ? `${pictures} frames of the video` : 'picture'
  throw invalidRequestError(
    `The ${what} would take ${tokens} tokens with ${slices} slices each, but the model's positions end at ${maxPositions}; lower max_slice_nums in mm_processor_kwargs${kind === 'video' ? ', or give fewer frames' : ''}.`,
  )
}

/**
 * Pre-computed embeddings: `image_embeds` f32 [parts, queries, hidden] of all pictures one after another, of each its overview and then its
 * slices, and `image_size_list` (or `image_sizes`) [pictures, 2], the pictures' widths and heights, from which the slices follow.
 */
export function prepareEmbeds(config: MinicpmvConfig, kind: MediaKind, tensors: Readonly<Record<string, HostArray>>): PreparedMedia[] {
  if (kind !== 'image')
    throw invalidRequestError(`This model takes pre-computed embeddings of images, not of ${kind}; give frames as images.`)
  const embeds = tensors['image_embeds']
  const sizes = tensors['image_size_list'] ?? tensors['image_sizes']
  if (!embeds || !sizes) {
    const given = Object.keys(tensors).join(', ')
    throw invalidRequestError(`Pre-computed image embeddings need image_embeds and image_size_list; got ${given || 'neither'}.`)
  }
  if (sizes.data.length === 0 || sizes.data.length % 2 !== 0 || sizes.data.some((side) => !(Number.isSafeInteger(side) && side > 0))) {
    throw invalidRequestError(
      `image_size_list is [${[...sizes.data]}] of shape [${sizes.shape}]; expected [pictures, 2], widths and heights in pixels.`,
    )
  }
  const { hidden, queries } = config.resampler
  const grids = Array.from({ length: sizes.data.length / 2 }, (_, i) => {
    const plan = planSlices(sizes.data[2 * i] as number, sizes.data[2 * i + 1] as number, config.slicing)
    return plan.slices?.grid ?? ([0, 0] as const)
  })
  const parts = grids.reduce((sum, [cols, rows]) => sum + 1 + cols * rows, 0)
  if (embeds.data.length !== parts * queries * hidden || embeds.shape.at(-1) !== hidden) {
    throw invalidRequestError(
      `image_embeds has shape [${embeds.shape}]; expected [${parts}, ${queries}, ${hidden}]: one for each picture of image_size_list and one for each of its slices.`,
    )
  }
  let row = 0
  return grids.map(([cols, rows]) => {
    const tokens = (1 + cols * rows) * queries
    const data = Float32Array.from(embeds.data.subarray(row * hidden, (row + tokens) * hidden))
    row += tokens
    return { kind, tokens, grid: [1, cols, rows], inputs: { embeds: { data, shape: [tokens, hidden] } } }
  })
}
