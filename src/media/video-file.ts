import {
  BufferSource,
  EncodedPacketSink,
  Input,
  type InputVideoTrack,
  MATROSKA,
  MP4,
  MPEG_TS,
  QTFF,
  VideoSampleSink,
  WEBM,
} from 'mediabunny'
import { abortError, mediaError, messageOf, withCode } from '../util/errors.ts'
import { decodeImage } from './decode.ts'
import { checkPixelCount, describeUnknown, MAX_PIXELS } from './image-header.ts'
import { orientationOf, orientImage } from './orient.ts'
import type { RgbImage } from './rgb-image.ts'
import { type FrameSampling, MAX_FRAMES, sampleIndices } from './video-sampling.ts'

/** How a clip is read. */
export interface DecodeVideoOptions {
  readonly sampling: FrameSampling
  /** How errors call the clip. Default 'The video'. */
  readonly name?: string
  /** Most pixels of a frame. Default 40 million. */
  readonly maxPixels?: number
  readonly signal?: AbortSignal | undefined
}

/** Containers that are read. Playlists are not among them: they would fetch what they name. */
const FORMATS = [MP4, QTFF, MATROSKA, WEBM, MPEG_TS]

/** The longest clip, in seconds. */
const MAX_SECONDS = 600
/** Most bytes of all frames taken together, as RGB. */
const MAX_BYTES = 2 ** 30

/** One frame's place in the file. */
interface Times {
  /** Presentation times of all frames, in seconds, ascending. */
  readonly starts: readonly number[]
  /** From the first frame to the end of the last. */
  readonly seconds: number
}

/**
 * Decodes the frames of a clip that the sampling picks, in order, turned as the file says. bytes: the whole file, MP4, MOV, WebM, Matroska
 * or MPEG-TS, of a codec that the browser decodes. What the file says of itself is checked before anything is decoded.
 * Errors: MediaError for what is no clip, is damaged, cannot be decoded here, or is too long or large; AbortError.
 */
export async function decodeVideo(bytes: Uint8Array<ArrayBuffer>, options: DecodeVideoOptions): Promise<RgbImage[]> {
  const { name = 'The video', signal } = options
  const input = new Input({ source: new BufferSource(bytes), formats: FORMATS })
  try {
    return await readFrames(input, bytes, { ...options, name })
  } catch (error) {
    if (signal?.aborted) throw abortError()
    if (error instanceof Error && (error.name === 'MediaError' || error.name === 'AbortError')) throw error
    throw mediaError(`${name} is a damaged or incomplete file of ${bytes.length} bytes (${messageOf(error)}).`, error)
  } finally {
    input.dispose()
  }
}

type Named = DecodeVideoOptions & { readonly name: string }

async function readFrames(input: Input, bytes: Uint8Array<ArrayBuffer>, options: Named): Promise<RgbImage[]> {
  const { name, sampling } = options
  if (!(await input.canRead())) {
    const found = describeUnknown(bytes)
    throw mediaError(`${name} is ${found}; allowed are MP4, MOV, WebM, MKV and MPEG-TS clips, and frames as data:video/jpeg;base64,….`)
  }
  const track = await input.getPrimaryVideoTrack()
  if (!track) throw mediaError(`${name} has no video track; a file of sound alone is sent as audio.`)
  const size = await checkTrack(track, options)
  const { starts, seconds } = await readTimes(track, options)
  const taken = sampleIndices(starts.length, seconds, sampling)
  checkCount(taken.length, size, name)
  return await decodeAt(
    track,
    taken.map((i) => starts[i] as number),
    options,
  )
}

/** Errors: MediaError for frames that are too large and codecs that are missing here. Gives the pixels of a frame. */
async function checkTrack(track: InputVideoTrack, { name, maxPixels = MAX_PIXELS }: Named): Promise<number> {
  const [width, height] = [await track.getCodedWidth(), await track.getCodedHeight()]
  checkPixelCount(width, height, maxPixels, `A frame of ${name.toLowerCase()}`)
  if (!(width > 0 && height > 0)) throw mediaError(`${name} has frames of ${width}×${height} pixels; both sides must be above 0.`)
  if (typeof VideoDecoder === 'undefined') {
    throw mediaError(`${name} cannot be decoded: this browser has no WebCodecs here (it needs https). Send the clip as frames.`)
  }
  if (!(await track.canDecode())) {
    const codec = (await track.getCodecParameterString()) ?? (await track.getCodec()) ?? 'unknown'
    throw mediaError(`${name} is of the codec ${codec}, which this browser cannot decode; send it as H.264, VP9 or AV1, or as frames.`)
  }
  return width * height
}

async function readTimes(track: InputVideoTrack, { name, signal }: Named): Promise<Times> {
  const announced = await track.getDurationFromMetadata()
  if (announced !== null) checkSeconds(announced, name)
  const starts: number[] = []
  let end = 0
  for await (const { timestamp, duration } of new EncodedPacketSink(track).packets(undefined, undefined, { metadataOnly: true })) {
    if (signal?.aborted) throw abortError()
    // What an edit list cuts off in front lies before 0.
    if (timestamp < 0) continue
    starts.push(timestamp)
    end = Math.max(end, timestamp + duration)
  }
  const [first] = starts.sort((a, b) => a - b)
  if (first === undefined) throw mediaError(`${name} has no frames; the file may be cut off.`)
  // Not all files say how long the last frame is shown: then as long as the others on average.
  const even = ((starts.at(-1) as number) - first) * (1 + 1 / Math.max(1, starts.length - 1))
  const seconds = Math.max(even, end - first)
  checkSeconds(seconds, name)
  return { starts, seconds }
}

function checkSeconds(seconds: number, name: string): void {
  if (seconds <= MAX_SECONDS) return
  throw withCode(
    mediaError(`${name} is ${Math.round(seconds)} s long; at most ${MAX_SECONDS} s are read. Cut it first.`),
    'media_too_large',
  )
}

function checkCount(count: number, pixels: number, name: string): void {
  const most = Math.min(MAX_FRAMES, Math.floor(MAX_BYTES / (3 * pixels)))
  if (count <= most) return
  const words = `${name} would give ${count} frames of ${pixels} pixels; at most ${most} are taken. Lower media_io_kwargs.video.num_frames or fps.`
  throw withCode(mediaError(words), 'media_too_large')
}

/** The frames that start at these times, ascending. */
async function decodeAt(track: InputVideoTrack, times: readonly number[], { name, maxPixels, signal }: Named): Promise<RgbImage[]> {
  const pictures: RgbImage[] = []
  for await (const sample of new VideoSampleSink(track).samplesAtTimestamps(times)) {
    const place = `frame ${pictures.length + 1} of ${times.length} of ${name.toLowerCase()}`
    // Decoders count in whole microseconds.
    if (!sample || Math.abs(sample.timestamp - (times[pictures.length] as number)) > 1e-4) {
      sample?.close()
      throw mediaError(`${name} is damaged or incomplete: ${place} cannot be decoded.`)
    }
    try {
      const frame = sample.toVideoFrame()
      const picture = await decodeImage({ kind: 'frame', frame }, { name: place, signal, ...(maxPixels !== undefined && { maxPixels }) })
      pictures.push(orientImage(picture, orientationOf(sample.rotation, sample.flip)))
    } finally {
      sample.close()
    }
  }
  return pictures
}
