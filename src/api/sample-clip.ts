import { abortError, invalidRequestError, mediaError } from '../util/errors.ts'
import { describe, release, tagOf, throwIfAborted } from './captured.ts'
import { currentFrame } from './current-frame.ts'
import type { ClipSource } from './media-types.ts'

const DEFAULT_FPS = 2
/** Most frames where no rate was asked for: vLLM's default. */
const DEFAULT_FRAMES = 32
/** Most frames of a clip: qwen_vl_utils' limit. */
const MAX_FRAMES = 768
/** Milliseconds that a source may keep silent. */
const PATIENCE = 5000

const asStored: ImageBitmapOptions = { premultiplyAlpha: 'none', colorSpaceConversion: 'none' }

/** media_io_kwargs.video of the request, unchecked: the engine refuses what makes no sense, before or after. */
export type ClipReading = Readonly<Record<string, unknown>>

/** Context of one clip: its place in the request for errors, and the caller's signal. */
interface Context {
  at: string
  signal: AbortSignal | undefined
}

/** What Chromium has in windows and the DOM types lack. */
interface TrackProcessor {
  new (init: { track: MediaStreamTrack; maxBufferSize?: number }): { readable: ReadableStream<VideoFrame> }
}

/**
 * Frames of a stretch of a video element, stream or track, as bitmaps in order. reading: `num_frames` and `fps` of clips that say nothing
 * themselves. Errors: InvalidRequestError for missing or wrong numbers,
 * MediaError for a source that gives no frames, AbortError.
 */
export async function sampleClip(given: ClipSource, at: string, signal?: AbortSignal, reading: ClipReading = {}): Promise<ImageBitmap[]> {
  const context = { at, signal }
  throwIfAborted(signal)
  for (const key of ['duration', 'fps', 'start'] as const) checkNumber(given[key], `${at}.${key}`, key === 'start')
  const clip: Sampled = { ...given, ...limitsOf(given, reading) }
  const bitmaps: ImageBitmap[] = []
  try {
    const track = trackOf(clip.source, at)
    if (track) await watchTrack(track, clip, bitmaps, context)
    else await seekThrough(clip.source as HTMLVideoElement, clip, bitmaps, context)
    throwIfAborted(signal)
    if (bitmaps.length === 0) throw mediaError(`${at} gave no frames; check that the camera, stream or file is running.`)
    return bitmaps
  } catch (error) {
    release(bitmaps)
    throw error
  }
}

/** A clip with what bounds its frames. */
interface Sampled extends ClipSource {
  /** Most frames, spread evenly. Without it, `fps` says how many there are. */
  readonly frames?: number | undefined
}

/** A clip's own rate decides alone; the request's go for those without. */
function limitsOf({ fps }: ClipSource, { num_frames, fps: rate }: ClipReading): Pick<Sampled, 'fps' | 'frames'> {
  if (fps !== undefined) return {}
  const frames = Number.isInteger(num_frames) && Number(num_frames) > 0 ? Math.min(Number(num_frames), MAX_FRAMES) : undefined
  const most = num_frames === -1 ? MAX_FRAMES : (frames ?? DEFAULT_FRAMES)
  return { frames: most, ...(typeof rate === 'number' && rate > 0 && { fps: rate }) }
}

function checkNumber(value: unknown, at: string, mayBeZero: boolean): void {
  if (value === undefined) return
  if (typeof value === 'number' && Number.isFinite(value) && (value > 0 || (mayBeZero && value === 0))) return
  throw invalidRequestError(`${at} is ${describe(value)}; it must be a number ${mayBeZero ? 'of at least' : 'above'} 0.`)
}

/** The track to watch; undefined for an element that plays a file. */
function trackOf(source: unknown, at: string): MediaStreamTrack | undefined {
  const tag = tagOf(source)
  if (tag === 'HTMLVideoElement') {
    const { srcObject } = source as HTMLVideoElement
    return srcObject ? trackOf(srcObject, at) : undefined
  }
  const track = tag === 'MediaStream' ? (source as MediaStream).getVideoTracks()[0] : source
  if (/^(MediaStreamTrack|CanvasCaptureMediaStreamTrack|BrowserCaptureMediaStreamTrack)$/.test(tagOf(track))) {
    const { kind, readyState } = track as MediaStreamTrack
    if (kind === 'video' && readyState === 'live') return track as MediaStreamTrack
    throw mediaError(`${at} is a track of kind ${kind} that is ${readyState}; a live video track is needed.`)
  }
  if (tag === 'MediaStream') throw mediaError(`${at} is a MediaStream without a video track.`)
  throw invalidRequestError(`${at}.source is ${describe(source)}; it may be a video element, MediaStream or MediaStreamTrack.`)
}

/** The times of the frames to take, in seconds from the beginning of the stretch. */
function frameTimes(duration: number, { fps, frames }: Pick<Sampled, 'fps' | 'frames'>, at: string): number[] {
  const wanted = Math.max(1, Math.floor(duration * (fps ?? DEFAULT_FPS) + 1e-6))
  if (frames === undefined && wanted > MAX_FRAMES) {
    throw invalidRequestError(`${at}: ${duration} s at ${fps} frames a second are ${wanted} frames; at most ${MAX_FRAMES} are allowed.`)
  }
  const count = Math.min(wanted, frames ?? wanted)
  const interval = fps === undefined || count < wanted ? duration / count : 1 / fps
  return Array.from({ length: count }, (_, i) => i * interval)
}

async function watchTrack(source: MediaStreamTrack, clip: Sampled, bitmaps: ImageBitmap[], context: Context): Promise<void> {
  const { duration } = clip
  if (duration === undefined) {
    throw invalidRequestError(`${context.at} is a stream without an end; say for how many seconds to watch it: { source, duration: 4 }.`)
  }
  const times = frameTimes(duration, clip, context.at)
  // A copy of the track can be stopped without stopping the page's own picture.
  const track = source.clone()
  const { MediaStreamTrackProcessor: Processor } = globalThis as { MediaStreamTrackProcessor?: TrackProcessor }
  try {
    if (Processor) await readTrack(new Processor({ track, maxBufferSize: 1 }).readable, times, duration, bitmaps, context)
    else await watchHiddenVideo(track, times, bitmaps, context)
  } finally {
    track.stop()
  }
}

async function readTrack(
  frames: ReadableStream<VideoFrame>,
  times: readonly number[],
  duration: number,
  bitmaps: ImageBitmap[],
  { signal }: Context,
): Promise<void> {
  const reader = frames.getReader()
  // A still source sends no frames; what was seen until then is the clip.
  const stop = () => void reader.cancel()
  const timer = setTimeout(stop, duration * 1000 + PATIENCE)
  signal?.addEventListener('abort', stop)
  try {
    let first: number | undefined
    while (bitmaps.length < times.length) {
      const { done, value: frame } = await reader.read()
      if (done) return
      try {
        first ??= frame.timestamp
        // Microseconds; a camera's clock is not exact, so half a millisecond early is on time.
        if (frame.timestamp - first >= times[bitmaps.length]! * 1e6 - 500) bitmaps.push(await createImageBitmap(frame, asStored))
      } finally {
        frame.close()
      }
    }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
    stop()
  }
}

/** For browsers that have no track processor in windows. */
async function watchHiddenVideo(
  track: MediaStreamTrack,
  times: readonly number[],
  bitmaps: ImageBitmap[],
  context: Context,
): Promise<void> {
  const video = document.createElement('video')
  video.muted = true
  video.playsInline = true
  video.srcObject = new MediaStream([track])
  try {
    void video.play().catch(() => {})
    await happening(video, 'loadeddata', () => video.readyState >= 2, context)
    const start = performance.now()
    for (const time of times) {
      await wait(start + time * 1000 - performance.now(), context.signal)
      bitmaps.push(await createImageBitmap(video, asStored))
    }
  } finally {
    video.srcObject = null
  }
}

async function seekThrough(video: HTMLVideoElement, clip: Sampled, bitmaps: ImageBitmap[], context: Context): Promise<void> {
  await happening(video, 'loadeddata', () => video.readyState >= 2, context)
  const { at } = context
  const { start = 0 } = clip
  const rest = video.duration - start
  if (!(rest > 0)) throw invalidRequestError(`${at}.start is ${start} s, but the video lasts ${video.duration} s.`)
  const duration = Math.min(clip.duration ?? rest, rest)
  if (!Number.isFinite(duration)) throw invalidRequestError(`${at} does not say how long it lasts; give { source, duration } in seconds.`)
  const times = frameTimes(duration, clip, at)
  const [playing, before] = [!video.paused, video.currentTime]
  video.pause()
  try {
    for (const time of times) {
      await seek(video, start + time, context)
      bitmaps.push(await grab(video, at))
    }
  } finally {
    // Waited for: whoever looks at the element next shall find a picture.
    video.currentTime = before
    await happening(video, 'seeked', () => !video.seeking && video.readyState >= 2, { at, signal: undefined }).catch(() => {})
    if (playing) void video.play().catch(() => {})
  }
}

async function seek(video: HTMLVideoElement, time: number, context: Context): Promise<void> {
  // Also to where it stands: a file that has just loaded shows its first picture only then.
  video.currentTime = time
  await happening(video, 'seeked', () => !video.seeking, context)
}

async function grab(video: HTMLVideoElement, at: string): Promise<ImageBitmap> {
  if (typeof VideoFrame === 'undefined') return createImageBitmap(video, asStored)
  const frame = await currentFrame(video, at)
  try {
    return await createImageBitmap(frame, asStored)
  } finally {
    frame.close()
  }
}

/** Resolves when the condition holds, which is looked at on every such event. */
function happening(video: HTMLVideoElement, event: string, holds: () => boolean, { at, signal }: Context): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error?: Error) => {
      clearTimeout(timer)
      for (const name of [event, 'error']) video.removeEventListener(name, look)
      signal?.removeEventListener('abort', look)
      if (error) reject(error)
      else resolve()
    }
    const look = () => {
      if (signal?.aborted) return end(abortError())
      if (video.error) return end(mediaError(`${at}: the video cannot be played (${video.error.message || `code ${video.error.code}`}).`))
      if (holds()) end()
    }
    const timer = setTimeout(() => end(mediaError(`${at}: the video gave no ${event} event within ${PATIENCE / 1000} s.`)), PATIENCE)
    for (const name of [event, 'error']) video.addEventListener(name, look)
    signal?.addEventListener('abort', look)
    look()
  })
}

function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      if (signal?.aborted) reject(abortError())
      else resolve()
    }
    const timer = setTimeout(end, Math.max(0, milliseconds))
    signal?.addEventListener('abort', end)
    if (signal?.aborted) end()
  })
}
