import type { Modality } from '../src/protocol/media.ts'
import { partType } from '../src/server/chat-messages.ts'
import { type FetchPolicy, fetchMedia, shortUrl, unsupportedScheme } from './fetch-media.ts'
import type { FileServer } from './file-server.ts'
import { allowedLocalPath } from './local-path.ts'
import { invalidRequest } from './named-errors.ts'

/** Which addresses a request's media may have. */
export interface MediaPolicy extends FetchPolicy {
  /** Folder below which file: URLs may point. */
  localRoot?: string | undefined
  /** Items per request. */
  limits?: Partial<Record<Modality, number>> | undefined
}

/** What a request's media have become. */
export interface ServedMedia {
  /** Whether any address was replaced. */
  readonly changed: boolean
  /** Puts the addresses that the request used in place of ours, for messages of errors. */
  rename(text: string): string
  /** Forgets the media. */
  release(): void
}

/** An address in a request. */
interface Place {
  modality: Modality
  url: string
  /** The field, as OpenAI's errors name it. */
  param: string
  replace(url: string): void
}

/** Media of one request fetched at a time. */
const AT_ONCE = 8

/**
 * Gives all media of a request's messages addresses that the page can read, in place: local files and remote ones go through our server,
 * data URLs stay. What has another form is left for the router to judge. Nothing is fetched if there are more items than the model takes.
 * `body`: as parsed from JSON. Errors: InvalidRequestError, MediaError, each with the field as its `param`; the signal's reason.
 */
export async function serveMedia(body: unknown, server: FileServer, policy: MediaPolicy, signal?: AbortSignal): Promise<ServedMedia> {
  const { places, counts } = findMedia(body)
  checkLimits(counts, policy.limits)
  const served = new Map<string, string>()
  const release = (): void => {
    for (const address of served.keys()) server.withdraw(address)
  }
  const failed = new AbortController()
  const ended = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal
  const waiting = places.values()
  const serveNext = async (): Promise<void> => {
    for (const place of waiting) {
      ended.throwIfAborted()
      const address = await pageAddress(place, server, policy, ended)
      if (address === place.url) continue
      served.set(address, place.url)
      place.replace(address)
    }
  }
  const lanes = Array.from({ length: Math.min(AT_ONCE, places.length) }, serveNext)
  try {
    await Promise.all(lanes)
  } catch (error) {
    failed.abort(error)
    // One that has its file already still notes it.
    await Promise.allSettled(lanes)
    release()
    throw error
  }
  const rename = (text: string): string => {
    if (!text.includes(server.page)) return text
    let renamed = text
    // The longest first: …/f1 is the beginning of …/f12.
    for (const [address, url] of [...served].sort(([a], [b]) => b.length - a.length)) {
      renamed = renamed.replaceAll(address, () => JSON.stringify(shortUrl(url)).slice(1, -1))
    }
    return renamed
  }
  return { changed: served.size > 0, rename, release }
}

async function pageAddress({ url, modality, param }: Place, server: FileServer, policy: MediaPolicy, signal: AbortSignal): Promise<string> {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  if (scheme === 'data') return url
  try {
    if (scheme === 'file') return server.publish(allowedLocalPath(url, policy.localRoot))
    if ((scheme === 'http' || scheme === 'https') && URL.canParse(url)) {
      return server.publish(await fetchMedia(url, policy, { modality, signal }))
    }
    throw unsupportedScheme(url)
  } catch (error) {
    throw Object.assign(error as Error, { param })
  }
}

type Counts = Record<Modality, number>

function findMedia(body: unknown): { places: Place[]; counts: Counts } {
  const places: Place[] = []
  const counts: Counts = { image: 0, video: 0, audio: 0 }
  const messages = isObject(body) && Array.isArray(body['messages']) ? (body['messages'] as unknown[]) : []
  for (const [i, message] of messages.entries()) {
    if (!isObject(message) || !Array.isArray(message['content'])) continue
    for (const [j, part] of message['content'].entries()) {
      // Whatever the router takes for media must be found here: the page would fetch it past the policy.
      const type = isObject(part) ? partType(part) : undefined
      const modality = typeof type === 'string' && Object.hasOwn(modalityOf, type) ? modalityOf[type] : undefined
      if (!isObject(part) || typeof type !== 'string' || !modality) continue
      counts[modality]++
      places.push(...placesOf(part, type, modality, `messages[${i}].content[${j}].${type}`))
    }
  }
  return { places, counts }
}

const modalityOf: Readonly<Record<string, Modality>> = {
  image_url: 'image',
  image: 'image',
  video_url: 'video',
  video: 'video',
  audio_url: 'audio',
  input_audio: 'audio',
  input_image: 'image',
}

/** The addresses in a part: {type: 'x_url', x_url: {url}}, {type: 'x', x: url}, a clip as the addresses of its frames, or input_image. */
function placesOf(part: Record<string, unknown>, type: string, modality: Modality, param: string): Place[] {
  const value = part[type]
  const bare = type === 'input_image' ? 'image_url' : type
  const only = part[bare]
  // In {type: 'image_url', image_url: '…'} an object is missing, which is the router's to say.
  if (typeof only === 'string' && (modality === type || bare !== type)) {
    return [{ modality, url: only, param, replace: (url) => (part[bare] = url) }]
  }
  if (type === 'video' && Array.isArray(value)) {
    return value.flatMap((url, k) =>
      typeof url === 'string' ? [{ modality: 'image', url, param: `${param}[${k}]`, replace: (next) => (value[k] = next) } as Place] : [],
    )
  }
  if (!isObject(value) || typeof value['url'] !== 'string') return []
  return [{ modality, url: value['url'], param: `${param}.url`, replace: (url) => (value['url'] = url) }]
}

function checkLimits(counts: Counts, limits: MediaPolicy['limits']): void {
  for (const modality of ['image', 'video', 'audio'] as const) {
    const limit = limits?.[modality]
    if (limit === undefined || counts[modality] <= limit) continue
    throw invalidRequest(
      `The request has ${counts[modality]} ${modality}s, but at most ${limit} are taken; send fewer, or raise --limit-mm-per-prompt ${modality}.`,
      { code: `too_many_${modality}s`, param: 'messages' },
    )
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
