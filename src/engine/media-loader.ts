import { closeImage, decodeImage, type EncodedImage } from '../media/decode.ts'
import type { RgbImage } from '../media/rgb-image.ts'
import type { Sound } from '../media/sound.ts'
import { type FrameSampling, readFrameSampling } from '../media/video-sampling.ts'
import { decodeWav, isWav } from '../media/wav.ts'
import type { MediaKind } from '../models/family.ts'
import type { WireAudio, WireImage, WireVideo } from '../protocol/media.ts'
import { invalidRequestError, mediaError, messageOf, withCode } from '../util/errors.ts'
import { fetchMedia } from '../util/fetch-media.ts'
import { Turns } from '../util/turns.ts'
import type { MediaLimits } from './media-limits.ts'

/** Files fetched at once in one engine. Waiting for hosts takes no processor, and a slow host must not hold up the others' pictures. */
const FETCHES = 8
/** Pictures decoded at once: a large one takes 160 MB while it is. */
const DECODES = 2

/** Whose media it is, how errors call it, and what ends the work. */
export interface LoadContext {
  readonly kind: MediaKind
  readonly name: string
  readonly signal: AbortSignal
  /** Which frames of a clip's file are taken. Default: 32 of them. */
  readonly sampling?: FrameSampling
}

/** A picture or clip with content. */
export type LoadableMedia = Exclude<WireImage | WireVideo, { kind: 'cached' }>

/** A sound with content. */
export type LoadableSound = Exclude<WireAudio, { kind: 'cached' }>

type File = Extract<WireVideo, { kind: 'blob' | 'url' }>

/** Fetches and decodes media, within the engine's limits. */
export class MediaLoader {
  readonly #limits: MediaLimits
  readonly #fetching = new Turns(FETCHES)
  readonly #decoding = new Turns(DECODES)

  constructor(limits: MediaLimits) {
    this.#limits = limits
  }

  /** The pictures of an item: one, or a clip's frames in order. Errors: MediaError with a code, InvalidRequestError, AbortError. */
  async load(item: LoadableMedia, context: LoadContext): Promise<RgbImage[]> {
    if (context.kind === 'video' && (item.kind === 'blob' || item.kind === 'url')) return await this.#decodeClip(item, context)
    if (item.kind !== 'frames') return [await this.#decode(item, context)]
    const pictures: RgbImage[] = []
    for (const [i, frame] of item.frames.entries()) {
      const name = `frame ${i + 1} of ${context.name}`
      if (frame.kind === 'cached') throw invalidRequestError(`${name} has no content; only a whole clip may be left out.`)
      pictures.push(await this.#decode(frame, { ...context, name }))
    }
    return pictures
  }

  /** A sound: samples as they are, or those of a file. Errors: MediaError with a code, InvalidRequestError, AbortError. */
  async loadSound(sound: LoadableSound, { kind, name, signal }: LoadContext): Promise<Sound> {
    if (sound.kind === 'samples') return readSamples(sound, name)
    const bytes = await this.#readFile(sound, { kind, name, signal })
    if (isWav(bytes)) return decodeWav(bytes, name)
    // The reader of containers is large, and WAV files need none.
    const { decodeSoundFile } = await import('../media/sound-file.ts')
    return await this.#decoding.run(() => decodeSoundFile(bytes, { name, signal }), signal)
  }

  async #decodeClip(clip: File, context: LoadContext): Promise<RgbImage[]> {
    const { name, signal, sampling = readFrameSampling() } = context
    const bytes = await this.#readFile(clip, context)
    // Most requests have no clip, and the reader of containers is large.
    const { decodeVideo } = await import('../media/video-file.ts')
    const maxPixels = this.#limits.pixels
    return await this.#decoding.run(() => decodeVideo(bytes, { name, sampling, maxPixels, signal }), signal)
  }

  async #readFile(file: File, { kind, name, signal }: LoadContext): Promise<Uint8Array<ArrayBuffer>> {
    if (file.kind === 'url') return await this.#fetchBytes(file.url, { kind, name, signal })
    checkSize(file.blob, name, this.#limits.bytes[kind])
    try {
      return new Uint8Array(await file.blob.arrayBuffer())
    } catch (error) {
      throw mediaError(`${name} could not be read (${messageOf(error)}); the file may have been moved or changed.`, error)
    } finally {
      signal.throwIfAborted()
    }
  }

  async #decode(image: EncodedImage, { kind, name, signal }: LoadContext): Promise<RgbImage> {
    const { bytes, pixels } = this.#limits
    try {
      if (image.kind === 'blob') checkSize(image.blob, name, bytes[kind])
      const source: EncodedImage =
        image.kind === 'url' ? { kind: 'file', bytes: await this.#fetchBytes(image.url, { kind, name, signal }) } : image
      return await this.#decoding.run(() => decodeImage(source, { name, maxPixels: pixels, signal }), signal)
    } finally {
      closeImage(image)
    }
  }

  async #fetchBytes(url: string, { kind, name, signal }: LoadContext): Promise<Uint8Array<ArrayBuffer>> {
    const { timeouts, bytes, hosts } = this.#limits
    const fetched = () => fetchMedia(url, { name, timeout: timeouts[kind], maxBytes: bytes[kind], hosts, signal })
    // What is in the address itself waits for no host.
    return await (/^data:/i.test(url) ? fetched() : this.#fetching.run(fetched, signal))
  }
}

/** Samples as captured, checked: they may come from another thread's program. */
function readSamples({ channels, sampling_rate: rate }: Extract<WireAudio, { kind: 'samples' }>, name: string): Sound {
  const length = channels[0]?.length ?? 0
  if (length === 0) throw mediaError(`${name} has no samples.`)
  if (channels.some((channel) => channel.length !== length)) throw mediaError(`${name} has channels of different lengths.`)
  return { channels, rate }
}

function checkSize(blob: Blob, name: string, most: number): void {
  if (blob.size <= most) return
  throw withCode(
    mediaError(`${name} is a file of ${blob.size} bytes; at most ${most} are allowed. Scale it down first.`),
    'media_too_large',
  )
}
