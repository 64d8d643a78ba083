import { statSync } from 'node:fs'
import type { EngineOptions } from '../src/protocol/engine-api.ts'
import type { Modality } from '../src/protocol/media.ts'
import { PAGE_ORIGIN } from './browser.ts'
import type { MediaPolicy } from './page-media.ts'
import { UsageError, wholeNumber } from './usage.ts'

/** Flags of the commands that fetch what requests name, for parseFlags. */
export const mediaFlags = {
  'allowed-local-media-path': { type: 'string' },
  'allowed-media-domains': { type: 'string', multiple: true },
  'media-fetch-timeout': { type: 'string', multiple: true },
  'max-media-bytes': { type: 'string', multiple: true },
  'max-image-pixels': { type: 'string' },
} as const

/** What parseFlags makes of mediaFlags. */
export interface MediaFlagValues {
  'allowed-local-media-path'?: string | undefined
  'allowed-media-domains'?: string[] | undefined
  'media-fetch-timeout'?: string[] | undefined
  'max-media-bytes'?: string[] | undefined
  'max-image-pixels'?: string | undefined
}

/** Their explanation, for --help. */
export const mediaHelp = `Media
      --allowed-local-media-path DIR  lets file: URLs point below DIR
      --allowed-media-domains H  only fetches media from these hosts (comma-separated; may be repeated); one that is named may have a
                                 private address
      --media-fetch-timeout K=S  seconds from the start to the last byte (default: image=5,audio=10,video=30)
      --max-media-bytes K=N      largest file (default: image=25000000,audio=25000000,video=200000000)
      --max-image-pixels N       largest picture, width times height (default: 178956970)`

/** As Pillow's and vLLM's limit against decompression bombs. */
const MAX_IMAGE_PIXELS = 178_956_970

/** What the engine needs to know of them: it sees files that Node has fetched, at once and of the size that Node lets pass, and fetches no others. */
export function mediaEngineOptions(
  flags: MediaFlagValues,
): Pick<EngineOptions, 'allowed_media_domains' | 'max_media_bytes' | 'max_image_pixels'> {
  const max_media_bytes = amounts('max-media-bytes', flags['max-media-bytes'])
  const max_image_pixels = wholeNumber('max-image-pixels', flags['max-image-pixels'], 1) ?? MAX_IMAGE_PIXELS
  return { allowed_media_domains: [new URL(PAGE_ORIGIN).hostname], max_image_pixels, ...(max_media_bytes && { max_media_bytes }) }
}

/** Which media may be fetched. Errors: UsageError. */
export function mediaPolicy(flags: MediaFlagValues, limits: MediaPolicy['limits']): MediaPolicy {
  const localRoot = flags['allowed-local-media-path']
  if (localRoot !== undefined && !statSync(localRoot, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`--allowed-local-media-path is ${localRoot}, which is no folder.`)
  }
  const domains = flags['allowed-media-domains']?.flatMap((host) => host.split(',')).map((host) => host.trim().toLowerCase())
  const timeouts = amounts('media-fetch-timeout', flags['media-fetch-timeout'])
  return { localRoot, domains, publicOnly: true, limits, timeouts, maxBytes: amounts('max-media-bytes', flags['max-media-bytes']) }
}

/** `image=5,video=60`, any number of times. */
function amounts(flag: string, values: readonly string[] | undefined): Partial<Record<Modality, number>> | undefined {
  if (!values) return undefined
  const result: Partial<Record<Modality, number>> = {}
  for (const pair of values.flatMap((value) => value.split(','))) {
    const [, modality, amount] = /^\s*(image|video|audio)=(\d+(?:\.\d+)?)\s*$/.exec(pair) ?? []
    if (!modality || !(Number(amount) > 0)) throw new UsageError(`--${flag} has '${pair}'; write image=5, video=60 or audio=10.`)
    result[modality as Modality] = Number(amount)
  }
  return result
}
