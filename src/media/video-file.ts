import {
  BufferSource,
  EncodedPacketSink,
  Input,
  type InputVideoTrack,
  MATROSKA,
  MP4,
  MPEG_TS,
  QTFF,
  type VideoSample,
  VideoSampleSink,
  WEBM,
} from 'mediabunny'
import { abortError, mediaError, messageOf, withCode } from '../util/errors.ts'
import { checkWhole } from './cut-off.ts'
import { decodeImage } from './decode.ts'
import { checkPixelCount, describeUnknown, MAX_PIXELS } from './image-header.ts'
import { readMp4EditEnd } from './mp4-edit.ts'
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
 * or MPEG-TS, of a codec that the browser decodes. Frames that an MP4's edit list leaves out at either end are not counted; lists of
 * several stretches are refused. What the file says of itself is checked before anything is decoded. A file that was cut off is refused,
 * not read as far as it goes: an answer about a part of a clip looks like one about the whole. Only where nothing says that there was more,
 * in MPEG-TS and behind a complete block of a recording of unknown length, the frames that are there are the clip.
 * Errors: MediaError for what is no clip, is cut off, damaged, cannot be decoded here, or is too long or large; AbortError.
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
  checkWhole(bytes, name)
  const track = await input.getPrimaryVideoTrack()
  if (!track) throw mediaError(`${name} has no video track; a file of sound alone is sent as audio.`)
  const size = await checkTrack(track, options)
  const until = endOf(bytes, track, name)
  const { starts, seconds } = await readTimes(track, until, options)
  const taken = sampleIndices(starts.length, seconds, sampling)
  checkCount(taken.length, size, name)
  return await decodeAt(
    track,
    taken.map((i) => starts[i] as number),
    options,
  )
}

/** Where an edit list ends the clip, in seconds. Errors: MediaError for a clip that it puts together from several stretches. */
function endOf(bytes: Uint8Array, track: InputVideoTrack, name: string): number {
  const edit = readMp4EditEnd(bytes, track.id)
  if (!edit) return Number.POSITIVE_INFINITY
  if (edit.stretches === 1) return edit.end
  throw mediaError(
    `${name} has an edit list that puts ${edit.stretches} stretches together, of which only one can be read; save it anew as it plays (ffmpeg -i old.mp4 new.mp4).`,
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
    throw mediaError(
      `${name} is of the codec ${await codecOf(track)}, which this browser cannot decode; send it as H.264, VP9 or AV1, or as frames.`,
    )
  }
  return width * height
}

/** Names of codecs whose own ones say little: by the beginning of what files call them. */
const CODEC_NAMES: readonly [id: RegExp, name: string][] = [
  [/^(hev|hvc)1/, 'HEVC'],
  [/^ap(ch|cn|cs|co|4h|4x)/, 'ProRes'],
  [/^(mp4v|V_MPEG4\/ISO\/(SP|ASP|AP))/, 'MPEG-4 Part 2'],
  [/^(jpeg|mjp[ab]|V_MJPEG)/, 'Motion JPEG'],
]

/** What the file calls its codec, with the name that people know. */
async function codecOf(track: InputVideoTrack): Promise<string> {
  const id = String((await track.getCodecParameterString()) ?? (await track.getInternalCodecId()) ?? 'unknown')
  const known = CODEC_NAMES.find(([pattern]) => pattern.test(id))
  return known ? `${id} (${known[1]})` : id
}

/** until: where an edit list ends the clip, in seconds. */
async function readTimes(track: InputVideoTrack, until: number, { name, signal }: Named): Promise<Times> {
  const announced = await track.getDurationFromMetadata()
  if (announced !== null) checkSeconds(announced, name)
  const starts: number[] = []
  let end = 0
  for await (const { timestamp, duration } of new EncodedPacketSink(track).packets(undefined, undefined, { metadataOnly: true })) {
    if (signal?.aborted) throw abortError()
    // What an edit list cuts off in front lies before 0.
    if (timestamp < 0 || timestamp >= until) continue
    starts.push(timestamp)
    end = Math.max(end, Math.min(timestamp + duration, until))
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
async function decodeAt(track: InputVideoTrack, times: readonly number[], options: Named): Promise<RgbImage[]> {
  const { name } = options
  const pictures: RgbImage[] = []
  const placeOf = (): string => `frame ${pictures.length + 1} of ${times.length} of ${name.toLowerCase()}`
  /** Takes the sample if it is the next one that is wanted, and closes it. */
  const take = async (sample: VideoSample | null): Promise<boolean> => {
    try {
      // Decoders count in whole microseconds.
      if (!sample || Math.abs(sample.timestamp - (times[pictures.length] as number)) > 1e-4) return false
      pictures.push(await readSample(sample, placeOf(), options))
      return true
    } finally {
      sample?.close()
    }
  }
  const sink = new VideoSampleSink(track)
  for await (const sample of sink.samplesAtTimestamps(times)) if (!(await take(sample))) break
  if (pictures.length === times.length) return pictures
  // Not all files say where one can begin to decode; then all frames are, from the first on.
  for await (const sample of sink.samples()) {
    await take(sample)
    if (pictures.length === times.length) return pictures
  }
  throw mediaError(`${name} is damaged or incomplete: ${placeOf()} cannot be decoded.`)
}

async function readSample(sample: VideoSample, name: string, { maxPixels, signal }: Named): Promise<RgbImage> {
  const picture = await decodeImage(
    { kind: 'frame', frame: sample.toVideoFrame() },
    { name, signal, ...(maxPixels !== undefined && { maxPixels }) },
  )
  return orientImage(picture, orientationOf(sample.rotation, sample.flip))
}
