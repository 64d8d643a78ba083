import { closeImage, decodeImage, type EncodedImage } from '../media/decode.ts'
import type { RgbImage } from '../media/rgb-image.ts'
import type { WireImage, WireVideo } from '../protocol/media.ts'
import { invalidRequestError, mediaError, withCode } from '../util/errors.ts'
import { fetchMedia } from '../util/fetch-media.ts'
import { Turns } from '../util/turns.ts'
import type { MediaLimits } from './media-limits.ts'

/** Files fetched at once in one engine. Waiting for hosts takes no processor, and a slow host must not hold up the others' pictures. */
const FETCHES = 8
/** Pictures decoded at once: a large one takes 160 MB while it is. */
const DECODES = 2

/** Whose media it is, how errors call it, and what ends the work. */
export interface LoadContext {
  readonly kind: 'image' | 'video'
  readonly name: string
  readonly signal: AbortSignal
}

/** An item with content, other than a clip's file. */
export type LoadableMedia = Exclude<WireImage, { kind: 'cached' }> | Extract<WireVideo, { kind: 'frames' }>

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
    if (item.kind !== 'frames') return [await this.#decode(item, context)]
    const pictures: RgbImage[] = []
    for (const [i, frame] of item.frames.entries()) {
      const name = `frame ${i + 1} of ${context.name}`
      if (frame.kind === 'cached') throw invalidRequestError(`${name} has no content; only a whole clip may be left out.`)
      pictures.push(await this.#decode(frame, { ...context, name }))
    }
    return pictures
  }

  async #decode(image: EncodedImage, { kind, name, signal }: LoadContext): Promise<RgbImage> {
    const { timeouts, bytes, pixels, hosts } = this.#limits
    try {
      if (image.kind === 'blob') checkSize(image.blob, name, bytes[kind])
      const source =
        image.kind === 'url' ? await this.#fetch(image.url, { name, timeout: timeouts[kind], maxBytes: bytes[kind], hosts, signal }) : image
      return await this.#decoding.run(() => decodeImage(source, { name, maxPixels: pixels, signal }), signal)
    } finally {
      closeImage(image)
    }
  }

  async #fetch(url: string, options: Parameters<typeof fetchMedia>[1] & { signal: AbortSignal }): Promise<EncodedImage> {
    // What is in the address itself waits for no host.
    const fetched = () => fetchMedia(url, options)
    return { kind: 'file', bytes: await (/^data:/i.test(url) ? fetched() : this.#fetching.run(fetched, options.signal)) }
  }
}

function checkSize(blob: Blob, name: string, most: number): void {
  if (blob.size <= most) return
  throw withCode(
    mediaError(`${name} is a file of ${blob.size} bytes; at most ${most} are allowed. Scale it down first.`),
    'media_too_large',
  )
}
