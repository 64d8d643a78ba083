import type { WireEmbeds, WireImage, WireVideo } from '../protocol/media.ts'
import { invalidRequestError, mediaError } from '../util/errors.ts'
import { captureEmbeds, isEmbeds } from './capture-embeds.ts'
import { captureFile, isFile } from './capture-file.ts'
import { captureImage, isPicture } from './capture-image.ts'
import { allCaptured, type Captured, describe, tagOf } from './captured.ts'
import type { ClipSource, PictureSource, VideoEmbeds, VideoInput } from './media-types.ts'
import { type ClipReading, sampleClip } from './sample-clip.ts'

const JPEG_FRAMES = /^\s*data:video\/jpeg;base64,/i

/** Whether a list is one clip of frames, not a list of clips: pictures only, and no video element, which is a clip in itself. */
export const isFrameList = (list: readonly unknown[]): boolean =>
  list.length > 0 && list.every((item) => isPicture(item) && tagOf(item) !== 'HTMLVideoElement' && !isClipFile(item))

/** How a clip is captured. */
export interface VideoCapture {
  readonly uuid?: string | null
  readonly signal?: AbortSignal | undefined
  /** media_io_kwargs.video: which frames of an element or stream are taken; of files the engine takes them. */
  readonly reading?: ClipReading | undefined
}

/**
 * Takes a clip out of what holds it, as frames in order; files and addresses of clips are handed on as they are. Errors: as captureImage;
 * MediaError for sources without frames; AbortError.
 */
export async function captureVideo(
  input: VideoInput,
  at: string,
  { uuid, signal, reading }: VideoCapture = {},
): Promise<Captured<WireVideo | WireEmbeds>> {
  if (isEmbeds(input, 'video')) return captureEmbeds(input as VideoEmbeds, at, uuid)
  if (isFile(input) && !isJpegFrames(input)) {
    const { wire, transfer } = await captureFile(input, at)
    return { wire: { ...wire, ...(uuid && { uuid }) }, transfer }
  }
  const { wire, transfer } = await captureFrames(input, at, { signal, reading })
  return { wire: { kind: 'frames', frames: wire, ...(uuid && { uuid }) }, transfer }
}

function captureFrames(input: VideoInput, at: string, how: VideoCapture): Promise<Captured<WireImage[]>> {
  if (Array.isArray(input)) return captureList(input, at)
  const tag = tagOf(input)
  if (isJpegFrames(input)) return captureList(splitJpegFrames(input), at)
  if (tag === 'HTMLVideoElement') return captureClip({ source: input as HTMLVideoElement }, at, how)
  if (tag.includes('MediaStream'))
    throw invalidRequestError(`${at} is a ${tag}; say for how many seconds to watch it: { source, duration: 4 }.`)
  if (typeof input === 'object' && input !== null && 'source' in input) return captureClip(input as ClipSource, at, how)
  if (isPicture(input)) {
    throw mediaError(`${at} is ${describe(input)}, a single picture; a clip is a list of frames, a video element or { source, duration }.`)
  }
  throw invalidRequestError(
    `${at} is ${describe(input)}; a clip may be a list of frames, a video element, { source, duration } or { video_embeds }.`,
  )
}

async function captureList(frames: readonly PictureSource[], at: string): Promise<Captured<WireImage[]>> {
  if (frames.length === 0) throw invalidRequestError(`${at} has no frames; give at least one.`)
  return allCaptured(frames.map((frame, i) => captureImage(frame, `${at}[${i}]`)))
}

async function captureClip(clip: ClipSource, at: string, { signal, reading }: VideoCapture): Promise<Captured<WireImage[]>> {
  const bitmaps = await sampleClip(clip, at, signal, reading)
  return { wire: bitmaps.map((bitmap) => ({ kind: 'bitmap', bitmap })), transfer: bitmaps }
}

const isJpegFrames = (input: unknown): input is string => typeof input === 'string' && JPEG_FRAMES.test(input)

const splitJpegFrames = (url: string): string[] =>
  url
    .slice(url.indexOf(',') + 1)
    .split(',')
    .map((frame) => `data:image/jpeg;base64,${frame}`)

/** A Blob or address that says it is a clip. */
function isClipFile(item: unknown): boolean {
  const tag = tagOf(item)
  if (tag === 'Blob' || tag === 'File') return /^video\//.test((item as Blob).type)
  return (
    (tag === 'String' || tag === 'URL') &&
    (/^\s*data:video\//i.test(String(item)) || /^[^?#]*\.(mp4|m4v|mov|webm|mkv|avi|ogv)([?#]|$)/i.test(String(item)))
  )
}
