import type { WireAudio, WireEmbeds, WireImage, WireMedia, WireVideo } from '../protocol/media.ts'
import { invalidRequestError } from '../util/errors.ts'
import { captureAudio, isSamples } from './capture-audio.ts'
import { captureEmbeds, isEmbeds } from './capture-embeds.ts'
import { captureImage } from './capture-image.ts'
import { captureVideo, isFrameList } from './capture-video.ts'
import { allCaptured, type Captured, describe, release, throwIfAborted } from './captured.ts'
import type { AudioInput, ImageEmbeds, ImageInput, MultiModalData, MultiModalUuids, PictureSource, VideoInput } from './media-types.ts'
import type { ClipReading } from './sample-clip.ts'

/** A prompt's media, ready for postMessage(…, transfer). */
export interface CapturedMedia {
  media: WireMedia
  transfer: Transferable[]
}

const modalities = ['image', 'video', 'audio'] as const

/**
 * Takes the media of a prompt out of the page's objects. The caller's objects stay usable, and their pixels are those at the time of the
 * call. uuids: one per item. listed: every value is a list of items, so that a list of addresses under `video` is clips, not one clip's frames.
 * reading: media_io_kwargs.video, for elements and streams, whose frames are taken here.
 * Errors: InvalidRequestError for values and uuids of the wrong kind, MediaError for sources that hold no
 * readable pixels, AbortError.
 */
export async function captureMedia(
  data: MultiModalData,
  uuids: MultiModalUuids = {},
  signal?: AbortSignal,
  listed = false,
  reading: ClipReading = {},
): Promise<CapturedMedia> {
  throwIfAborted(signal)
  checkKeys(data)
  const images = asList<ImageInput>('image', data.image, uuids, () => false)
  const videos = asList<VideoInput>('video', data.video, uuids, (list) => !listed && isFrameList(list))
  const audios = asList<AudioInput>('audio', data.audio, uuids, isSamples)
  // All captures begin before the first one is awaited.
  const started = [
    captureAll<ImageInput, WireImage | WireEmbeds>(images, captureImageInput),
    captureAll<VideoInput, WireVideo | WireEmbeds>(videos, (item, at, uuid) => captureVideo(item, at, { uuid, signal, reading })),
    captureAll<AudioInput, WireAudio | WireEmbeds>(audios, captureAudio),
  ] as const
  const transfer: Transferable[] = []
  const settled = await Promise.allSettled(started)
  for (const result of settled) if (result.status === 'fulfilled') transfer.push(...result.value.transfer)
  try {
    throwIfAborted(signal)
    const [image, video, audio] = await Promise.all(started)
    const media: WireMedia = {
      ...(image.wire.length > 0 && { image: image.wire }),
      ...(video.wire.length > 0 && { video: video.wire }),
      ...(audio.wire.length > 0 && { audio: audio.wire }),
    }
    return { media, transfer }
  } catch (error) {
    release(transfer)
    throw error
  }
}

/** What the engine knows by name is not captured at all. */
function captureAll<T, W>(
  items: readonly Item<T>[],
  capture: (item: T, at: string, uuid: string | null) => Promise<Captured<W>>,
): Promise<Captured<(W | Recalled)[]>> {
  const recalled = (uuid: string): Captured<Recalled> => ({ wire: { kind: 'cached', uuid }, transfer: [] })
  return allCaptured<W | Recalled>(
    items.map(async ({ item, at, uuid }): Promise<Captured<W | Recalled>> => {
      if (item !== null) return capture(item, at, uuid)
      if (uuid) return recalled(uuid)
      throw invalidRequestError(`${at} is null; content may be left out only where multi_modal_uuids names it.`)
    }),
  )
}

/** Content that the engine has seen before. */
interface Recalled {
  kind: 'cached'
  uuid: string
}

async function captureImageInput(item: ImageInput, at: string, uuid: string | null): Promise<Captured<WireImage | WireEmbeds>> {
  return isEmbeds(item, 'image') ? captureEmbeds(item as ImageEmbeds, at, uuid) : captureImage(item as PictureSource, at, uuid)
}

function checkKeys(data: unknown): void {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw invalidRequestError(`multi_modal_data is ${describe(data)}; it must be an object such as { image: canvas }.`)
  }
  const unknown = Object.keys(data).find((key) => !(modalities as readonly string[]).includes(key))
  if (unknown !== undefined) throw invalidRequestError(`multi_modal_data.${unknown} is not known; allowed are ${modalities.join(', ')}.`)
}

/** An item with its place in the request, for errors, and the name of its content. */
interface Item<T> {
  item: T | null
  at: string
  uuid: string | null
}

/** One value or a list, as a list. isOne: tells a list that is one value. */
function asList<T>(
  modality: (typeof modalities)[number],
  value: T | null | readonly (T | null)[] | undefined,
  uuids: MultiModalUuids,
  isOne: (list: readonly unknown[]) => boolean,
): Item<T>[] {
  const single = !Array.isArray(value) || isOne(value)
  const given = uuids[modality] ?? []
  const names = typeof given === 'string' ? [given] : given
  // Nothing but names: all of it is known to the engine.
  const none = value === undefined || value === null
  const items: readonly (T | null)[] = none ? names.map(() => null) : single ? [value as T] : (value as readonly (T | null)[])
  const wrong: unknown = names.find((name: unknown) => name !== null && typeof name !== 'string')
  if (wrong !== undefined) throw invalidRequestError(`multi_modal_uuids.${modality} holds ${describe(wrong)}; a name is a string, or null.`)
  if (names.length > 0 && names.length !== items.length) {
    throw invalidRequestError(
      `multi_modal_uuids.${modality} has ${names.length} name(s) for ${items.length} item(s); give one per item, null where there is none.`,
    )
  }
  return items.map((item, i) => ({ item, at: `multi_modal_data.${modality}${single ? '' : `[${i}]`}`, uuid: names[i] ?? null }))
}
