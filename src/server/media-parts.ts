import type { Modality, WireAudio, WireEmbeds, WireImage, WireMedia, WireVideo } from '../protocol/media.ts'
import { showValue } from '../util/show-value.ts'
import { readEmbeds } from './embeds-part.ts'
import { wrongField } from './errors.ts'

/** A part of a message, unread. */
export type PartFields = Readonly<Record<string, unknown>>

type Source =
  | { kind: 'url'; url: string }
  | { kind: 'blob'; blob: Blob }
  | { kind: 'frames'; frames: WireImage[] }
  | WireEmbeds
  | { kind: 'cached' }

/** A kind of media part: what it is, and how the content under the field of its own name is read. */
interface MediaPart {
  readonly modality: Modality
  read(content: unknown, at: string): Exclude<Source, { kind: 'cached' }>
}

const url = (value: unknown, at: string): { kind: 'url'; url: string } => ({ kind: 'url', url: checkedUrl(value, at) })
const urlObject = (content: unknown, at: string): { kind: 'url'; url: string } => {
  if (isObject(content)) return url(content['url'], `${at}.url`)
  throw wrongField(at, `${at} must be an object such as {"url": "https://…"}, got ${showValue(content)}.`)
}

/** Media parts by type. All but `image` and `video`, which are llm.chat's, are OpenAI's or vLLM's. */
const mediaParts: Readonly<Record<string, MediaPart>> = {
  image_url: { modality: 'image', read: urlObject },
  image: { modality: 'image', read: url },
  video_url: { modality: 'video', read: (content, at) => framesOf(urlObject(content, at)) },
  video: { modality: 'video', read: videoFrames },
  audio_url: { modality: 'audio', read: urlObject },
  input_audio: { modality: 'audio', read: inputAudio },
  image_embeds: { modality: 'image', read: (content, at) => readEmbeds('image', content, at) },
  video_embeds: { modality: 'video', read: (content, at) => readEmbeds('video', content, at) },
  audio_embeds: { modality: 'audio', read: (content, at) => readEmbeds('audio', content, at) },
}

/** Types of media parts, in the order in which they are named to the user. */
export const mediaTypes: readonly string[] = Object.keys(mediaParts)

/**
 * Reads a media part and puts its content into `media`. A part with a uuid may leave its content out: the engine knows it then from before.
 * Returns undefined for parts of another type. Errors: InvalidRequestError with the path of what is wrong.
 */
export function readMediaPart(type: string, part: PartFields, at: string, media: WireMedia): Modality | undefined {
  const { modality, read } = (Object.hasOwn(mediaParts, type) ? mediaParts[type] : undefined) ?? {}
  if (!modality || !read) return undefined
  const { uuid } = part
  if (uuid != null && typeof uuid !== 'string') throw wrongField(`${at}.uuid`, `${at}.uuid must be a string, got ${showValue(uuid)}.`)
  const content = part[type]
  const source: Source = uuid != null && isEmpty(content) ? { kind: 'cached' } : read(content, `${at}.${type}`)
  const item = { ...source, ...(uuid != null && { uuid }) }
  ;((media[modality] ??= []) as (WireImage | WireVideo | WireAudio | WireEmbeds)[]).push(item)
  return modality
}

/** As vLLM's clients leave content out: null, {} or {"url": null}. */
const isEmpty = (content: unknown): boolean =>
  content == null || (isObject(content) && Object.values(content).every((value) => value == null))

/** input_image of OpenAI's other interface: its image_url is a bare string. */
export function readInputImage(part: PartFields, at: string, media: WireMedia): void {
  ;(media.image ??= []).push(url(part['image_url'], `${at}.image_url`))
}

function checkedUrl(value: unknown, at: string): string {
  if (typeof value !== 'string')
    throw wrongField(at, value == null ? `${at} is missing.` : `${at} must be a string, got ${showValue(value)}.`)
  if (/^(https?|data|blob):/i.test(value)) return value
  const words = `${at} is ${showValue(value)}; it must be an absolute http, https, data or blob URL.`
  throw wrongField(at, words, 'unsupported_url_scheme')
}

const isObject = (value: unknown): value is PartFields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** data:video/jpeg;base64,… holds a clip's frames as pictures, with commas between them (vLLM). */
function framesOf(video: { kind: 'url'; url: string }): Exclude<Source, { kind: 'cached' | 'blob' }> {
  const prefix = /^data:video\/jpeg;base64,/i.exec(video.url)?.[0]
  if (prefix === undefined) return video
  const frames = video.url.slice(prefix.length).split(',')
  return { kind: 'frames', frames: frames.map((frame) => ({ kind: 'url', url: `data:image/jpeg;base64,${frame}` })) }
}

function videoFrames(content: unknown, at: string): Exclude<Source, { kind: 'cached' | 'blob' }> {
  if (!Array.isArray(content)) return framesOf(url(content, at))
  if (content.length === 0) throw wrongField(at, `${at} is empty; it must hold the URLs of the clip's frames.`)
  return { kind: 'frames', frames: content.map((frame, i) => url(frame, `${at}[${i}]`)) }
}

const audioTypes: Readonly<Record<string, string>> = {
  wav: 'audio/wav',
  mp3: 'audio/mpeg',
  flac: 'audio/flac',
  ogg: 'audio/ogg',
  webm: 'audio/webm',
  m4a: 'audio/mp4',
  mp4: 'audio/mp4',
  aac: 'audio/aac',
  opus: 'audio/ogg',
}

function inputAudio(content: unknown, at: string): { kind: 'blob'; blob: Blob } {
  if (!isObject(content)) throw wrongField(at, `${at} must be an object such as {"data": "…", "format": "wav"}, got ${showValue(content)}.`)
  const { data, format } = content
  const type = typeof format === 'string' && Object.hasOwn(audioTypes, format) ? audioTypes[format] : undefined
  if (!type)
    throw wrongField(`${at}.format`, `${at}.format must be one of ${Object.keys(audioTypes).join(', ')}, got ${showValue(format)}.`)
  return { kind: 'blob', blob: new Blob([bytesOf(data, `${at}.data`)], { type }) }
}

function bytesOf(data: unknown, at: string): Uint8Array<ArrayBuffer> {
  if (typeof data === 'string' && data !== '') {
    try {
      return Uint8Array.from(atob(data), (char) => char.charCodeAt(0))
    } catch {
      // Not base64: said below.
    }
  }
  throw wrongField(at, `${at} must be the file in base64, got ${showValue(data)}.`, 'invalid_audio')
}
