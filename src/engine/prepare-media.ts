import { hashImages, hashTensors } from '../media/content-hash.ts'
import { decodeImage } from '../media/decode.ts'
import type { RgbImage } from '../media/rgb-image.ts'
import type { AnyFamily, HostArray, MediaKind, PreparedMedia } from '../models/family.ts'
import type { WireEmbeds, WireImage, WireMedia, WireVideo } from '../protocol/media.ts'
import { abortError, invalidRequestError } from '../util/errors.ts'
import { LruMap } from '../util/lru-map.ts'

/** A prepared item and what the caches know it by. */
export interface KeyedMedia {
  readonly key: string
  readonly media: PreparedMedia
}

export type KeyedByKind = Partial<Record<MediaKind, KeyedMedia[]>>

/** What media are prepared by. */
export interface MediaRules {
  readonly family: AnyFamily
  readonly config: unknown
  /** Items per request; a kind without an entry has no limit. */
  readonly limits: Readonly<Partial<Record<MediaKind, number>>>
}

type Options = Readonly<Record<string, unknown>>
type WireItem = WireImage | WireVideo | WireEmbeds

/** Bytes of prepared items kept, so that a picture asked about twice is resized once. */
const CACHE_BYTES = 256 * 2 ** 20

/** Decodes, hashes and prepares the media of requests. */
export class MediaPreparer {
  readonly #rules: MediaRules
  readonly #prepared = new LruMap<string, PreparedMedia>({ capacity: CACHE_BYTES, sizeOf: bytesOf })

  constructor(rules: MediaRules) {
    this.#rules = rules
  }

  /** All media of a request, per kind in order. Errors: InvalidRequestError, MediaError, AbortError. */
  async prepare(media: WireMedia, options: Options, signal: AbortSignal): Promise<KeyedByKind> {
    this.#checkKinds(media)
    const result: KeyedByKind = {}
    for (const kind of ['image', 'video'] as const) {
      const items: readonly WireItem[] = media[kind] ?? []
      if (items.length === 0) continue
      const keyed: KeyedMedia[] = []
      for (const [i, item] of items.entries()) {
        const name = items.length === 1 ? `The ${kind}` : `${kind} ${i + 1} of ${items.length}`
        keyed.push(...(await this.#prepareItem(kind, item, { name, options, signal })))
        if (signal.aborted) throw abortError()
      }
      this.#checkCount(kind, keyed.length)
      result[kind] = keyed
    }
    return result
  }

  #checkKinds(media: WireMedia): void {
    const { kinds } = this.#rules.family
    for (const kind of ['image', 'video', 'audio'] as const) {
      const count = media[kind]?.length ?? 0
      if (count === 0) continue
      if (!kinds.includes(kind)) throw invalidRequestError(`This model takes no ${kind}; it takes ${kinds.join(' and ') || 'text only'}.`)
      this.#checkCount(kind, count)
    }
  }

  #checkCount(kind: MediaKind, count: number): void {
    const limit = this.#rules.limits[kind]
    if (limit === undefined || count <= limit) return
    throw invalidRequestError(
      `At most ${limit} ${kind}(s) may be provided in one prompt, got ${count}; send fewer, or create the LLM with a larger limit_mm_per_prompt.`,
    )
  }

  async #prepareItem(
    kind: 'image' | 'video',
    item: WireItem,
    how: { name: string; options: Options; signal: AbortSignal },
  ): Promise<KeyedMedia[]> {
    const { family, config } = this.#rules
    if (item.kind === 'embeds') {
      const tensors = hostArrays(item)
      const content = item.uuid === undefined ? await hashTensors(tensors) : `uuid ${item.uuid}`
      return family
        .prepareEmbeds(config, kind, tensors)
        .map((media, i) => ({ key: `${kind} embeds ${content} ${i} of ${media.tokens} rows`, media }))
    }
    const suffix = JSON.stringify(how.options)
    const named = item.uuid === undefined ? undefined : `${kind} uuid ${item.uuid} ${suffix}`
    const known = named === undefined ? undefined : this.#prepared.get(named)
    if (named !== undefined && known) return [{ key: named, media: known }]
    const frames = await decodeFrames(item, how.name, how.signal)
    const key = named ?? `${kind} ${await hashImages(frames)} ${suffix}`
    const media = this.#prepared.get(key) ?? prepareFrames(family, config, kind, frames, how.options)
    this.#prepared.set(key, media)
    return [{ key, media }]
  }
}

function prepareFrames(
  family: AnyFamily,
  config: unknown,
  kind: 'image' | 'video',
  frames: readonly RgbImage[],
  options: Options,
): PreparedMedia {
  return kind === 'video' ? family.prepareVideo(config, frames, options) : family.prepareImage(config, frames[0] as RgbImage, options)
}

async function decodeFrames(item: WireImage | WireVideo, name: string, signal: AbortSignal): Promise<RgbImage[]> {
  if (item.kind !== 'frames') return [await decodeImage(item, { name, signal })]
  const frames: RgbImage[] = []
  for (const [i, frame] of item.frames.entries()) frames.push(await decodeImage(frame, { name: `frame ${i + 1} of ${name}`, signal }))
  return frames
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
