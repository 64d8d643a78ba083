import { hashImages, hashSound, hashTensors } from '../media/content-hash.ts'
import { closeImage } from '../media/decode.ts'
import type { RgbImage } from '../media/rgb-image.ts'
import type { FrameSampling } from '../media/video-sampling.ts'
import type { AnyFamily, HostArray, MediaKind, PreparedMedia } from '../models/family.ts'
import type { WireAudio, WireEmbeds, WireImage, WireMedia, WireVideo } from '../protocol/media.ts'
import { contextLengthError, invalidRequestError, withCode } from '../util/errors.ts'
import { LruMap } from '../util/lru-map.ts'
import { MEDIA_KINDS, type MediaLimits } from './media-limits.ts'
import { type LoadableMedia, type LoadableSound, MediaLoader } from './media-loader.ts'
import { type MediaReading, samplingOf } from './media-reading.ts'

/** A prepared item and what the caches know it by. */
export interface KeyedMedia {
  readonly key: string
  readonly media: PreparedMedia
}

export type KeyedByKind = Partial<Record<MediaKind, KeyedMedia[]>>

/** The media of a request, in order. */
export interface RequestMedia {
  readonly items: KeyedByKind
  /** The frames of its clips, for families that see these as pictures; `items` has no clips then. */
  readonly clips: readonly (readonly KeyedMedia[])[]
}

/** What media are prepared by. */
export interface MediaRules {
  readonly family: AnyFamily
  readonly config: unknown
  readonly limits: MediaLimits
  /** media_io_kwargs of the engine; a request's own come on top. */
  readonly reading: MediaReading
  /** Tokens that a prompt can have. */
  readonly maxTokens: number
}

type Options = Readonly<Record<string, unknown>>
type WireItem = WireImage | WireVideo | WireAudio | WireEmbeds

/** One item of a request, with how errors call it and what its preparation depends on. */
interface Item {
  readonly kind: MediaKind
  readonly wire: WireItem
  readonly name: string
  readonly options: Options
  readonly sampling: FrameSampling
}

/** What was read of an item: what it is known by, and how it is prepared when that is not known. */
interface Content {
  readonly hash: string
  readonly prepare: () => PreparedMedia
}

/** Bytes of prepared items kept, so that a picture asked about twice is resized once, and one with a uuid need not be sent twice. */
const CACHE_BYTES = 256 * 2 ** 20
/** Names of contents kept; a name is some hundred bytes. */
const NAMES = 10_000

/** Fetches, decodes, hashes and prepares the media of requests, and remembers them by content and by uuid. */
export class MediaPreparer {
  readonly #rules: MediaRules
  readonly #loader: MediaLoader
  readonly #prepared = new LruMap<string, PreparedMedia>({ capacity: CACHE_BYTES, sizeOf: bytesOf })
  /** From a uuid, with all that its preparation depends on, to the keys in #prepared of what it stands for. */
  readonly #named = new LruMap<string, readonly string[]>({ capacity: NAMES })

  constructor(rules: MediaRules) {
    this.#rules = rules
    this.#loader = new MediaLoader(rules.limits)
  }

  /**
   * All media of a request, per kind in order. What can be refused without reading a file is refused first. reading: media_io_kwargs.
   * Errors: InvalidRequestError, MediaError, AbortError; those about contents and counts have a code.
   */
  async prepare(media: WireMedia, options: Options, signal: AbortSignal, reading?: MediaReading | null): Promise<RequestMedia> {
    this.#checkKinds(media)
    const sampling = samplingOf(this.#rules.reading, reading)
    const items = MEDIA_KINDS.flatMap((kind) => itemsOf(kind, media[kind] ?? [], { options, sampling }))
    const given = new Map<string, KeyedMedia[]>()
    const recalled = items.map((item) => this.#recall(item, items))
    // The first failure ends the others.
    const failure = new AbortController()
    const either = AbortSignal.any([signal, failure.signal])
    const prepared = items.map(async (item, i): Promise<KeyedMedia[]> => {
      if (item.wire.kind === 'cached') return recalled[i] ?? []
      const keyed = await this.#prepareItem(item, either)
      if (item.wire.uuid !== undefined) given.set(nameOf(item), keyed)
      return keyed
    })
    const all = await Promise.all(prepared).catch((error: unknown) => {
      failure.abort()
      throw error
    })
    const result: KeyedByKind = {}
    const clips: KeyedMedia[][] = []
    for (const [i, item] of items.entries()) {
      const keyed = (item.wire.kind === 'cached' && !recalled[i] ? given.get(nameOf(item)) : all[i]) ?? []
      if (this.#isPictures(item)) clips.push(keyed)
      else result[item.kind] = [...(result[item.kind] ?? []), ...keyed]
    }
    for (const kind of MEDIA_KINDS) this.#checkCount(kind, result[kind]?.filter(({ media }) => !media.continues).length ?? 0)
    return { items: result, clips }
  }

  /** Is it a clip that the family sees as pictures? */
  #isPictures({ kind }: Item): boolean {
    return kind === 'video' && this.#rules.family.clipTags !== undefined
  }

  #checkKinds(media: WireMedia): void {
    const { kinds } = this.#rules.family
    for (const kind of MEDIA_KINDS) {
      const count = media[kind]?.length ?? 0
      if (count === 0) continue
      if (!kinds.includes(kind)) throw invalidRequestError(`This model takes no ${kind}; it takes ${kinds.join(' and ') || 'text only'}.`)
      this.#checkCount(kind, count)
    }
  }

  #checkCount(kind: MediaKind, count: number): void {
    const limit = this.#rules.limits.items[kind]
    if (limit === undefined || count <= limit) return
    const error = invalidRequestError(
      `At most ${limit} ${kind}(s) may be provided in one prompt, got ${count}; send fewer, or create the LLM with a larger limit_mm_per_prompt.`,
    )
    throw withCode(error, `too_many_${kind}s`)
  }

  /** What an item without content stands for, unless a sibling brings the content. Undefined for items that have theirs. */
  #recall(item: Item, siblings: readonly Item[]): KeyedMedia[] | undefined {
    const { wire, name } = item
    if (wire.kind !== 'cached') return undefined
    if (!wire.uuid) throw invalidRequestError(`${name} has neither content nor a uuid; give one of them.`)
    const named = nameOf(item)
    if (siblings.some((sibling) => sibling.wire.kind !== 'cached' && sibling.wire.uuid !== undefined && nameOf(sibling) === named))
      return undefined
    const known = this.#recallNamed(named)
    if (known) return known
    throw invalidRequestError(
      `${name} was left out, but nothing is kept under its uuid ${JSON.stringify(wire.uuid)}: it was never sent, was sent with other mm_processor_kwargs or media_io_kwargs, or has had to make room. Send its content again, with the uuid.`,
    )
  }

  async #prepareItem(item: Item, signal: AbortSignal): Promise<KeyedMedia[]> {
    const { wire } = item
    const keyed =
      wire.kind === 'embeds'
        ? await this.#prepareEmbeds(item, wire)
        : await withMediaCode(item.kind, this.#isPictures(item) ? this.#prepareFrames(item, signal) : this.#prepareContent(item, signal))
    if (wire.uuid !== undefined) this.#rememberNamed(nameOf(item), keyed)
    return keyed
  }

  #rememberNamed(name: string, keyed: readonly KeyedMedia[]): void {
    for (const { key, media } of keyed) this.#prepared.set(key, media)
    this.#named.set(
      name,
      keyed.map(({ key }) => key),
    )
  }

  #recallNamed(name: string): KeyedMedia[] | undefined {
    const known = this.#named.get(name)?.map((key) => ({ key, media: this.#prepared.get(key) }))
    return known?.every((entry): entry is KeyedMedia => entry.media !== undefined) ? known : undefined
  }

  async #prepareEmbeds(item: Item, wire: WireEmbeds): Promise<KeyedMedia[]> {
    const { family, config } = this.#rules
    const { kind } = item
    if (this.#isPictures(item))
      throw invalidRequestError('This model takes a video as pictures; give the embeddings of its frames as image_embeds of images.')
    const tensors = hostArrays(wire)
    const content = await hashTensors(tensors)
    const items = family.prepareEmbeds(config, kind, tensors)
    return items.map((media, i) => ({ key: `${kind} embeds ${content} ${i} of ${media.tokens} rows`, media }))
  }

  async #prepareContent(item: Item, signal: AbortSignal): Promise<KeyedMedia[]> {
    return item.kind === 'audio' ? await this.#prepareSound(item, signal) : [this.#keep(item, await this.#readPictures(item, signal))]
  }

  /** A clip's frames, known by what they are as pictures. */
  async #prepareFrames(item: Item, signal: AbortSignal): Promise<KeyedMedia[]> {
    const frames = await this.#loadPictures(item, signal)
    const keyed: KeyedMedia[] = []
    for (const frame of frames) {
      const picture = { ...item, kind: 'image' } as const
      keyed.push(this.#keep(picture, { hash: await hashImages([frame]), prepare: () => this.#preparePicture(frame, item.options) }))
      if (keyed.length === 1) this.#checkFrames(item.name, frames.length, keyed[0]?.media.tokens ?? 0)
    }
    return keyed
  }

  /** What can never fit into a prompt is refused before all of it is prepared. */
  #checkFrames(name: string, frames: number, tokens: number): void {
    const { maxTokens } = this.#rules
    if (frames * tokens <= maxTokens) return
    throw contextLengthError(
      `${name} has ${frames} frames, which this model takes as pictures of ${tokens} tokens each, ${frames * tokens} in all, but max_model_len is ${maxTokens}; ask for at most ${Math.floor(maxTokens / tokens)} frames (media_io_kwargs.video.num_frames), or raise max_model_len.`,
    )
  }

  #keep({ kind, options }: Pick<Item, 'kind' | 'options'>, { hash, prepare }: Content): KeyedMedia {
    const key = `${kind} ${hash} ${JSON.stringify(options)}`
    const media = this.#prepared.get(key) ?? prepare()
    this.#prepared.set(key, media)
    return { key, media }
  }

  async #readPictures(item: Item, signal: AbortSignal): Promise<Content> {
    const frames = await this.#loadPictures(item, signal)
    const { family, config } = this.#rules
    const prepare = (): PreparedMedia => {
      if (item.kind === 'image') return this.#preparePicture(frames[0] as RgbImage, item.options)
      if (!family.prepareVideo) throw invalidRequestError(`This model takes no video; it takes ${family.kinds.join(' and ')}.`)
      return family.prepareVideo(config, frames, item.options)
    }
    return { hash: await hashImages(frames), prepare }
  }

  #loadPictures({ kind, wire, name, sampling }: Item, signal: AbortSignal): Promise<RgbImage[]> {
    return this.#loader.load(wire as LoadableMedia, { kind, name, signal, sampling })
  }

  #preparePicture(picture: RgbImage, options: Options): PreparedMedia {
    const { family, config } = this.#rules
    return family.prepareImage(config, picture, options)
  }

  async #prepareSound({ kind, wire, name, options }: Item, signal: AbortSignal): Promise<KeyedMedia[]> {
    const sound = await this.#loader.loadSound(wire as LoadableSound, { kind, name, signal })
    const content = `${kind} ${await hashSound(sound)} ${JSON.stringify(options)}`
    const known = this.#recallNamed(content)
    if (known) return known
    const { family, config } = this.#rules
    if (!family.prepareAudio) throw invalidRequestError(`This model takes no audio; it takes ${family.kinds.join(' and ')}.`)
    const keyed = family.prepareAudio(config, sound, options).map((media, i) => ({ key: `${content} ${i}`, media }))
    this.#rememberNamed(content, keyed)
    return keyed
  }
}

/** Frees the pixels of media that are not going to be read. */
export function closeMedia({ image = [], video = [] }: WireMedia): void {
  const pictures = [...image, ...video].flatMap((item) => (item.kind === 'frames' ? item.frames : item))
  for (const picture of pictures) if (picture.kind === 'bitmap' || picture.kind === 'frame') closeImage(picture)
}

const itemsOf = (kind: MediaKind, list: readonly WireItem[], rules: Pick<Item, 'options' | 'sampling'>): Item[] =>
  list.map((wire, i) => ({ ...rules, kind, wire, name: list.length === 1 ? `The ${kind}` : `${kind} ${i + 1} of ${list.length}` }))

/** With the sampling, of a clip: the same file read otherwise is another clip. */
const nameOf = ({ kind, wire, options, sampling }: Item): string =>
  `${kind} ${JSON.stringify(kind === 'video' ? [options, sampling] : options)} ${wire.uuid}`

/** Errors about contents have a code. */
async function withMediaCode<T>(kind: MediaKind, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof Error && error.name === 'MediaError' && !('code' in error)) throw withCode(error, `invalid_${kind}`)
    throw error
  }
}

/** Grids are whole numbers; everything else stays as it came. */
function hostArrays({ tensors }: WireEmbeds): Record<string, HostArray> {
  const arrays: Record<string, HostArray> = {}
  for (const [name, { data, shape }] of Object.entries(tensors)) {
    const count = shape.reduce((product, size) => product * size, 1)
    if (count !== data.length)
      throw invalidRequestError(`${name} has shape [${shape}], which is ${count} values, but ${data.length} were given.`)
    arrays[name] = { data: name.endsWith('_grid_thw') ? Int32Array.from(data) : data, shape }
  }
  return arrays
}

const bytesOf = (media: PreparedMedia): number => Object.values(media.inputs).reduce((sum, { data }) => sum + data.byteLength, 0)
