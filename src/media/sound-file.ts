import {
  ADTS,
  AudioSampleSink,
  BufferSource,
  EncodedPacketSink,
  FLAC,
  Input,
  type InputAudioTrack,
  MATROSKA,
  MP3,
  MP4,
  MPEG_TS,
  OGG,
  QTFF,
  WEBM,
} from 'mediabunny'
import { abortError, mediaError, messageOf } from '../util/errors.ts'
import { checkWhole } from './cut-off.ts'
import { describeUnknown } from './image-header.ts'
import { readMp4EditSeconds } from './mp4-edit.ts'
import { checkSoundSize, MAX_SOUND_SECONDS, type Sound } from './sound.ts'
import { readMp3Padding } from './sound-mp3-tag.ts'
import { SoundStore } from './sound-store.ts'
import { readWebmPadding } from './sound-webm-padding.ts'

/** How a file of sound is read. */
export interface DecodeSoundOptions {
  /** How errors call the sound. Default 'The audio'. */
  readonly name?: string
  readonly signal?: AbortSignal | undefined
}

type Named = DecodeSoundOptions & { readonly name: string }

/** Containers that are read; WAV has its own reader. Playlists are not among them: they would fetch what they name. */
const FORMATS = [MP3, OGG, FLAC, MP4, QTFF, WEBM, MATROSKA, ADTS, MPEG_TS]
const READABLE = 'WAV, MP3, FLAC, Ogg, M4A, AAC, WebM, MKV, and the sound of MP4, MOV and MPEG-TS clips'
/** Opus is decoded at this rate, whatever it was made from. */
const OPUS_RATE = 48_000

/** Most packets of a track: Opus's shortest ones are 2.5 ms. */
const MAX_PACKETS = (MAX_SOUND_SECONDS * 1000) / 2.5

/** Seconds by which files may be shorter than they say: encoders of MP3 count their tables as a packet or not. */
const LENGTH_TOLERANCE = 0.1

/** Where a track's packets lie, in seconds. */
interface Times {
  /** Below 0 for what an edit list or a codec's delay leaves out in front. */
  readonly start: number
  readonly end: number
  /** Of all packets together. */
  readonly length: number
}

/**
 * Decodes the sound of a file that is no WAV file: its first audio track, all channels, at its own rate (Opus at 48 kHz). bytes: the whole
 * file, of a codec that the browser decodes. What the encoder added at either end is left out where the container says so: LAME's tag, Opus
 * and Vorbis in Ogg, edit lists of MP4, CodecDelay and DiscardPadding of WebM. A file that says it goes on is refused as cut off. Length and
 * size are checked before anything is decoded, by what the file says, and while it is decoded. Errors: MediaError for what is no sound, is
 * damaged, cannot be decoded here, or is too long or large; AbortError.
 */
export async function decodeSoundFile(bytes: Uint8Array<ArrayBuffer>, options: DecodeSoundOptions = {}): Promise<Sound> {
  const { name = 'The audio', signal } = options
  const input = new Input({ source: new BufferSource(bytes), formats: FORMATS })
  try {
    return await readSound(input, bytes, { name, signal })
  } catch (error) {
    if (signal?.aborted) throw abortError()
    if (error instanceof Error && (error.name === 'MediaError' || error.name === 'AbortError')) throw error
    throw mediaError(`${name} is a damaged or incomplete file of ${bytes.length} bytes (${messageOf(error)}).`, error)
  } finally {
    input.dispose()
  }
}

async function readSound(input: Input, bytes: Uint8Array, options: Named): Promise<Sound> {
  const { name } = options
  if (!(await input.canRead())) throw mediaError(`${name} is ${describeUnknown(bytes)}; allowed are ${READABLE}.`)
  checkWhole(bytes, name)
  const track = await input.getPrimaryAudioTrack()
  if (!track) throw mediaError(`${name} has no sound that can be read; allowed are ${READABLE}.`)
  await checkCodec(track, name)
  const times = await readTimes(track, options)
  const format = await input.getFormat()
  // Of other files the length is a guess, or is counted again here.
  if (format === FLAC || (format === MP3 && readMp3Padding(bytes))) await checkLength(track, times, name)
  const decoded = await decodeTrack(track, times, options)
  const [skip, count] = keptOf(format, bytes, { track: track.id, codec: await track.getCodec(), times, decoded })
  if (!(count > 0)) throw mediaError(`${name} has no samples.`)
  return { channels: decoded.take(skip, count), rate: decoded.rate }
}

/** Errors: MediaError for codecs that are missing here. */
async function checkCodec(track: InputAudioTrack, name: string): Promise<void> {
  if (typeof AudioDecoder === 'undefined') {
    throw mediaError(`${name} cannot be decoded: this browser has no WebCodecs here (it needs https). Send the sound as WAV.`)
  }
  if (await track.canDecode()) return
  const inner = await track.getInternalCodecId()
  const codec = (await track.getCodecParameterString()) ?? (await track.getCodec()) ?? (typeof inner === 'string' ? inner : 'unknown')
  throw mediaError(`${name} is of the codec ${codec}, which this browser cannot decode; send it as WAV, FLAC, MP3, AAC or Opus.`)
}

/** Errors: MediaError for a track that is too long or too large by what its packets say, found out before all of them are looked at. */
async function readTimes(track: InputAudioTrack, { name, signal }: Named): Promise<Times> {
  const channels = await track.getNumberOfChannels()
  const rate = (await track.getCodec()) === 'opus' ? OPUS_RATE : await track.getSampleRate()
  let [start, end, length, count] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0]
  for await (const { timestamp, duration } of new EncodedPacketSink(track).packets(undefined, undefined, { metadataOnly: true })) {
    if (signal?.aborted) throw abortError()
    start = Math.min(start, timestamp)
    end = Math.max(end, timestamp + duration)
    length += duration
    checkSoundSize(Math.round(length * rate), channels, rate, name)
    if (++count > MAX_PACKETS) throw mediaError(`${name} has more than ${MAX_PACKETS} packets; convert it to a common format first.`)
  }
  if (count === 0) throw mediaError(`${name} has no samples; the file may be cut off.`)
  return { start, end, length }
}

/** Errors: MediaError for a file that says it is longer than it is. */
async function checkLength(track: InputAudioTrack, { length }: Times, name: string): Promise<void> {
  const said = (await track.getDurationFromMetadata()) ?? 0
  if (said <= length + LENGTH_TOLERANCE) return
  throw mediaError(`${name} is cut off: it says it is ${said.toFixed(2)} s long, but holds ${length.toFixed(2)} s. Send the whole file.`)
}

async function decodeTrack(track: InputAudioTrack, { length }: Times, { name, signal }: Named): Promise<SoundStore> {
  const store = new SoundStore(name, length)
  for await (const sample of new AudioSampleSink(track).samples()) {
    try {
      if (signal?.aborted) throw abortError()
      store.append(sample)
    } finally {
      sample.close()
    }
  }
  return store
}

interface Decoded {
  readonly track: number
  readonly codec: string | null
  readonly times: Times
  readonly decoded: SoundStore
}

/** Which of the decoded samples are the sound itself: how many to skip, how many to keep. */
function keptOf(format: unknown, bytes: Uint8Array, { track, codec, times, decoded }: Decoded): [skip: number, count: number] {
  const { frames, rate } = decoded
  const samplesOf = (seconds: number): number => Math.round(seconds * rate)
  // What Opus and Vorbis have in front is left out by their decoders.
  const skipOf = (seconds: number): number => (codec === 'opus' || codec === 'vorbis' ? 0 : samplesOf(seconds))
  if (format === MP3) {
    const { start, end } = readMp3Padding(bytes) ?? { start: 0, end: 0 }
    return [start, frames - start - end]
  }
  if (format === WEBM || format === MATROSKA) {
    // Their times are whole milliseconds, which is not exact enough to cut by.
    const { start, end } = readWebmPadding(bytes, track)
    return [skipOf(start), frames - skipOf(start) - samplesOf(end)]
  }
  if (format !== MP4 && format !== QTFF && format !== OGG) return [0, frames]
  const skip = skipOf(Math.max(0, -times.start))
  const edit = format === OGG ? undefined : readMp4EditSeconds(bytes, track)
  const shown = Math.min(times.end - Math.max(0, times.start), edit ?? Number.POSITIVE_INFINITY)
  return [skip, Math.min(frames - skip, samplesOf(shown))]
}
