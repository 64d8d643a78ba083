import type { MediaKind } from '../models/family.ts'
import type { EngineOptions } from '../protocol/engine-api.ts'
import { invalidRequestError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'

/** What may be handed in as media, and what is done to get it. */
export interface MediaLimits {
  /** Items per request; a kind without an entry has no limit. */
  readonly items: Readonly<Partial<Record<MediaKind, number>>>
  /** Milliseconds from the start of a fetch to its last byte. */
  readonly timeouts: Readonly<Record<MediaKind, number>>
  /** Bytes of a file. */
  readonly bytes: Readonly<Record<MediaKind, number>>
  /** Pixels of a picture, or of a frame. */
  readonly pixels: number
  /** Hosts that are fetched from; undefined: any. */
  readonly hosts: readonly string[] | undefined
}

const SECONDS: MediaLimits['timeouts'] = { image: 5, audio: 10, video: 30 }
const BYTES: MediaLimits['bytes'] = { image: 25e6, audio: 25e6, video: 200e6 }
const PIXELS = 40e6
/** The longest a timer can run, in seconds. */
const MAX_SECONDS = 2 ** 31 / 1000

export const MEDIA_KINDS: readonly MediaKind[] = ['image', 'video', 'audio']

type MediaOptions = Pick<
  EngineOptions,
  'limit_mm_per_prompt' | 'media_fetch_timeout' | 'max_media_bytes' | 'max_image_pixels' | 'allowed_media_domains'
>

function refuse(name: string, allowed: string, given: unknown): never {
  throw invalidRequestError(`${name} must be ${allowed}, got ${showValue(given)}.`)
}

/** Checks the options about media. Errors: InvalidRequestError naming the option, what it is and what it may be. */
export function checkMediaOptions(options: Readonly<Record<string, unknown>>): void {
  checkByKind(options, 'limit_mm_per_prompt', '{ image: 2 }', 'an integer of at least 0', (value) => isCount(value) && value >= 0)
  checkByKind(
    options,
    'media_fetch_timeout',
    '{ image: 5 }',
    'a number of seconds above 0',
    (value) => typeof value === 'number' && value > 0 && value < MAX_SECONDS,
  )
  checkByKind(options, 'max_media_bytes', '{ image: 25000000 }', 'a whole number of bytes above 0', (value) => isCount(value) && value > 0)
  const pixels = options['max_image_pixels']
  if (pixels != null && !(isCount(pixels) && pixels > 0)) refuse('max_image_pixels', 'a whole number above 0', pixels)
  const hosts = options['allowed_media_domains']
  if (hosts == null) return
  if (!Array.isArray(hosts)) refuse('allowed_media_domains', "a list of host names such as ['upload.wikimedia.org']", hosts)
  for (const [i, host] of hosts.entries()) {
    if (typeof host !== 'string' || hostOf(host) === undefined)
      refuse(`allowed_media_domains[${i}]`, "a host name alone, such as 'upload.wikimedia.org'", host)
  }
}

/** The limits that the options, checked before, ask for. */
export function mediaLimitsOf(options: MediaOptions): MediaLimits {
  const seconds = { ...SECONDS, ...options.media_fetch_timeout }
  return {
    items: options.limit_mm_per_prompt ?? {},
    timeouts: { image: seconds.image * 1000, video: seconds.video * 1000, audio: seconds.audio * 1000 },
    bytes: { ...BYTES, ...options.max_media_bytes },
    pixels: options.max_image_pixels ?? PIXELS,
    hosts: options.allowed_media_domains?.map((host) => hostOf(host) ?? host),
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value)

/** A host's name as URLs write it; undefined for anything else, an address or a port among them. */
function hostOf(host: string): string | undefined {
  if (!/^(\[[^\]]*\]|[^\s/\\?#@:]+)$/.test(host)) return undefined
  try {
    return new URL(`http://${host}/`).hostname
  } catch {
    return undefined
  }
}

function checkByKind(
  options: Readonly<Record<string, unknown>>,
  name: string,
  example: string,
  allowed: string,
  fits: (value: unknown) => boolean,
): void {
  const given = options[name]
  if (given == null) return
  if (typeof given !== 'object' || Array.isArray(given)) refuse(name, `an object such as ${example}`, given)
  for (const [kind, value] of Object.entries(given)) {
    if (!MEDIA_KINDS.includes(kind as MediaKind)) refuse(name, `keyed by ${MEDIA_KINDS.join(', ')}`, kind)
    if (!fits(value)) refuse(`${name}.${kind}`, allowed, value)
  }
}
