import { resizeRgb } from '../media/pillow-resize.ts'
import { patchify, patchPositions, smartResize } from '../media/qwen2-vl-patches.ts'
import type { RgbImage } from '../media/rgb-image.ts'
import { invalidRequestError } from '../util/errors.ts'
import { inverseFrequencies } from '../util/rope-table.ts'
import type { Encode, ExpandedPrompt, HostArray, MediaKind, PreparedByKind, PreparedMedia, PromptPositions } from './family.ts'
import { frameSize } from './frame-size.ts'
import { expandPlaceholders } from './placeholders.ts'
import type { PixelConfig, Qwen2VlConfig, VisionConfig } from './qwen2-vl-config.ts'

type Options = Readonly<Record<string, unknown>>

/** Base of the vision tower's rotary frequencies; fixed in the reference's code. */
const VISION_ROPE_THETA = 10000

/** Pixel limits of a request: mm_processor_kwargs over preprocessor_config.json. */
function pixelLimits(pixels: PixelConfig, options: Options): { minPixels: number; maxPixels: number } {
  const size = (options['size'] ?? {}) as Options
  const read = (key: string, value: unknown, fallback: number): number => {
    if (value === undefined) return fallback
    if (Number.isSafeInteger(value) && (value as number) > 0) return value as number
    throw invalidRequestError(`mm_processor_kwargs.${key} is ${JSON.stringify(value)}; it must be a whole number of pixels above zero.`)
  }
  const minPixels = read('min_pixels', options['min_pixels'] ?? size['shortest_edge'], pixels.minPixels)
  const maxPixels = read('max_pixels', options['max_pixels'] ?? size['longest_edge'], pixels.maxPixels)
  if (minPixels > maxPixels) throw invalidRequestError(`mm_processor_kwargs: min_pixels ${minPixels} is above max_pixels ${maxPixels}.`)
  return { minPixels, maxPixels }
}

/** One picture: resized within the pixel limits (Pillow's bicubic), cut into patches; its temporal pair is itself. */
export const prepareImage = (config: Qwen2VlConfig, image: RgbImage, options: Options): PreparedMedia =>
  prepareFrames('image', config, [image], options)

/** A clip: every frame resized like a picture of the first frame's size, two frames per temporal patch. */
export const prepareVideo = (config: Qwen2VlConfig, frames: readonly RgbImage[], options: Options): PreparedMedia =>
  prepareFrames('video', config, frames, options)

function prepareFrames(kind: MediaKind, config: Qwen2VlConfig, frames: readonly RgbImage[], options: Options): PreparedMedia {
  const { width, height } = frameSize(frames)
  const { vision } = config
  const pixels = kind === 'video' ? config.framePixels : config.pixels
  const factor = vision.patchSize * vision.mergeSize
  const target = smartResize(height, width, { factor, ...pixelLimits(pixels, options) })
  checkTokens(kind, frames.length, target, config)
  const resized = frames.map((frame) => resizeRgb(frame, target.width, target.height, 'bicubic'))
  const { patchSize, mergeSize, temporalPatchSize } = vision
  const patches = patchify(resized, { patchSize, mergeSize, temporalPatchSize, mean: pixels.mean, std: pixels.std })
  const [t, h, w] = patches.grid
  const rows = t * h * w
  return {
    kind,
    grid: [t, h, w],
    tokens: rows / mergeSize ** 2,
    inputs: { patches: { data: patches.data, shape: [rows, vision.patchInputs] }, ...rotaryInputs(vision, [t, h, w]) },
  }
}

/** What can never fit into a prompt is refused before any memory is taken for it. */
function checkTokens(
  kind: MediaKind,
  frames: number,
  size: { width: number; height: number },
  { vision, maxPositions }: Qwen2VlConfig,
): void {
  const perFrame = (size.width * size.height) / (vision.patchSize * vision.mergeSize) ** 2
  const tokens = Math.ceil(frames / vision.temporalPatchSize) * perFrame
  if (tokens <= maxPositions) return
  throw invalidRequestError(
    `The ${kind} would be resized to ${size.width}×${size.height} pixels and take ${tokens} tokens, but the model's positions end at ${maxPositions}; lower max_pixels or min_pixels in mm_processor_kwargs${kind === 'video' ? ', or give fewer frames' : ''}.`,
  )
}

/** Cosines and sines per patch: the first half of the frequencies turns with the row, the second with the column. */
function rotaryInputs(vision: VisionConfig, [t, h, w]: readonly [number, number, number]): { cos: HostArray; sin: HostArray } {
  const half = vision.headDim / 2
  const frequencies = inverseFrequencies(half, VISION_ROPE_THETA)
  const positions = patchPositions([t, h, w], vision.mergeSize)
  const rows = t * h * w
  const cos = new Float32Array(rows * half)
  const sin = new Float32Array(rows * half)
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < half; j++) {
      const axis = j < frequencies.length ? 0 : 1
      const angle = (positions[row * 2 + axis] ?? 0) * (frequencies[j % frequencies.length] ?? 0)
      cos[row * half + j] = Math.cos(angle)
      sin[row * half + j] = Math.sin(angle)
    }
  }
  return { cos: { data: cos, shape: [rows, half] }, sin: { data: sin, shape: [rows, half] } }
}

/**
 * Pre-computed embeddings: `image_embeds` f32 [all tokens, hidden] of all pictures one after another and `image_grid_thw`
 * [pictures, 3] (a single picture's grid may be flat), or the `video_` pair.
 */
export function prepareEmbeds(config: Qwen2VlConfig, kind: MediaKind, tensors: Readonly<Record<string, HostArray>>): PreparedMedia[] {
  const embeds = tensors[`${kind}_embeds`]
  const grids = tensors[`${kind}_grid_thw`]
  if (!embeds || !grids) {
    const given = Object.keys(tensors).join(', ')
    throw invalidRequestError(`Pre-computed ${kind} embeddings need ${kind}_embeds and ${kind}_grid_thw; got ${given || 'neither'}.`)
  }
  if (grids.data.length === 0 || grids.data.length % 3 !== 0) {
    throw invalidRequestError(`${kind}_grid_thw has shape [${grids.shape}]; expected [items, 3].`)
  }
  const items = Array.from({ length: grids.data.length / 3 }, (_, i) => [...grids.data.slice(i * 3, i * 3 + 3)])
  const { mergeSize } = config.vision
  const odd = items.find(([t = 0, h = 0, w = 0]) => t < 1 || h < 1 || w < 1 || h % mergeSize !== 0 || w % mergeSize !== 0)
  if (odd) {
    throw invalidRequestError(
      `${kind}_grid_thw has the grid [${odd}]; it must be frames, rows and columns of patches, the last two multiples of ${mergeSize}.`,
    )
  }
  const counts = items.map(([t = 0, h = 0, w = 0]) => (t * h * w) / mergeSize ** 2)
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (embeds.data.length !== total * config.hidden || embeds.shape.at(-1) !== config.hidden) {
    throw invalidRequestError(
      `${kind}_embeds has shape [${embeds.shape}]; expected [${total}, ${config.hidden}] for ${kind}_grid_thw [${items.join('; ')}].`,
    )
  }
  let row = 0
  return items.map((grid, i) => {
    const tokens = counts[i] ?? 0
    const data = Float32Array.from(embeds.data.subarray(row * config.hidden, (row + tokens) * config.hidden))
    row += tokens
    return { kind, grid, tokens, inputs: { embeds: { data, shape: [tokens, config.hidden] } } }
  })
}

/** Replaces each media placeholder by as many as its item has embedding rows. */
export function expandPrompt(
  config: Qwen2VlConfig,
  prompt: string | readonly number[],
  encode: Encode,
  media: PreparedByKind,
): ExpandedPrompt {
  const ids = typeof prompt === 'string' ? encode(prompt, true) : prompt
  const placeholders = (['image', 'video'] as const).map((kind) => ({
    kind,
    token: kind === 'image' ? config.imageToken : config.videoToken,
    example: `<|${kind}_pad|> (inside <|vision_start|>…<|vision_end|>)`,
  }))
  return expandPlaceholders(ids, placeholders, media)
}

/**
 * Multimodal rotary positions: text moves all three streams on by one; an item's tokens take its temporal, row and column index on top
 * of where it starts, and what follows continues after the largest of them.
 */
export function mropePositions(config: Qwen2VlConfig, prompt: ExpandedPrompt, media: PreparedByKind): PromptPositions {
  const n = prompt.tokenIds.length
  const streams = new Int32Array(3 * n)
  let next = 0
  let at = 0
  const text = (end: number): void => {
    for (; at < end; at++, next++) for (let stream = 0; stream < 3; stream++) streams[stream * n + at] = next
  }
  for (const span of prompt.spans) {
    text(span.offset)
    const [t = 0, h = 0, w = 0] = media[span.kind]?.[span.item]?.grid ?? []
    const rows = h / config.vision.mergeSize
    const cols = w / config.vision.mergeSize
    for (let k = 0; k < span.length; k++, at++) {
      streams[at] = next + Math.floor(k / (rows * cols))
      streams[n + at] = next + (Math.floor(k / cols) % rows)
      streams[2 * n + at] = next + (k % cols)
    }
    next += Math.max(t, rows, cols)
  }
  text(n)
  return { streams, next }
}
