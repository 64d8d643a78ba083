import { lookup } from 'node:dns'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import type { Modality } from '../src/protocol/media.ts'
import { invalidRequest, mediaFailure } from './named-errors.ts'

/** Whose media may be fetched, how long that may take and how much it may be. */
export interface FetchPolicy {
  /** Only these hosts, by exact name; undefined is all. A host named here may have a private address. */
  domains?: readonly string[] | undefined
  /** Refuses private, loopback and link-local addresses: for addresses that the user did not type. */
  publicOnly: boolean
  /** Seconds from the start to the last byte. Default: image 5, audio 10, video 30, as vLLM. */
  timeouts?: Partial<Record<Modality, number>> | undefined
  /** Bytes of one file at most. Default: image and audio 25 MB, video 200 MB. */
  maxBytes?: Partial<Record<Modality, number>> | undefined
}

const TIMEOUTS: Readonly<Record<Modality, number>> = { image: 5, audio: 10, video: 30 }
const MAX_BYTES: Readonly<Record<Modality, number>> = { image: 25e6, audio: 25e6, video: 200e6 }
const MAX_REDIRECTS = 5

const privateIPv4 = new BlockList()
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  privateIPv4.addSubnet(net, bits, 'ipv4')
}
// A list of its own, because rules for IPv6 would hold for addresses of IPv4 as well. All that is public is in 2000::/3; outside of it, and
// in two ranges of it (Teredo, 6to4), addresses of IPv4 can be hidden.
const privateIPv6 = new BlockList()
for (const [net, bits] of [
  ['::', 3],
  ['2001::', 32],
  ['2002::', 16],
  ['4000::', 2],
  ['8000::', 1],
] as const) {
  privateIPv6.addSubnet(net, bits, 'ipv6')
}

/** Whether an IP address is of this machine or its own network, or one of IPv4 in the clothes of IPv6, which no public host needs. */
export const isPrivateAddress = (address: string): boolean =>
  isIP(address) === 6 ? privateIPv6.check(address, 'ipv6') : privateIPv4.check(address, 'ipv4')

/** What is to be fetched and for whom. */
export interface FetchOptions {
  /** Default image. */
  modality?: Modality
  signal?: AbortSignal | undefined
}

/**
 * The bytes behind an http(s) URL, counted while they come and within a time that holds for all of it, over at most 5 redirects, each
 * checked like the first. Errors: InvalidRequestError for what the policy refuses, MediaError with a code for what the host or the network
 * does not give; the signal's reason.
 */
export async function fetchMedia(url: string, policy: FetchPolicy, options: FetchOptions = {}): Promise<Uint8Array> {
  const { modality = 'image', signal } = options
  const seconds = policy.timeouts?.[modality] ?? TIMEOUTS[modality]
  const maxBytes = policy.maxBytes?.[modality] ?? MAX_BYTES[modality]
  const late = AbortSignal.timeout(seconds * 1000)
  const ended = signal ? AbortSignal.any([signal, late]) : late
  const shown = shortUrl(url)
  let next = new URL(url)
  try {
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await open(next, policy, ended)
      const { statusCode: status = 0, headers } = response
      if (status >= 300 && status < 400 && headers.location && URL.canParse(headers.location, next)) {
        response.destroy()
        next = new URL(headers.location, next)
        continue
      }
      if (status !== 200) {
        response.destroy()
        throw mediaFailure(`${shown} answered ${status}; expected ${modality === 'image' ? 'a picture' : modality}.`, 'media_fetch_failed')
      }
      return await readCapped(response, shown, maxBytes)
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    if (late.aborted) throw mediaFailure(`${shown} took longer than ${seconds} s.`, 'media_timeout')
    if (['MediaError', 'InvalidRequestError'].includes((error as Error).name)) throw error
    const reason = (error as Error).message || (error as NodeJS.ErrnoException).code
    throw mediaFailure(`${shown} cannot be fetched: ${reason}`, 'media_fetch_failed')
  }
  throw mediaFailure(`${shown} redirects more than ${MAX_REDIRECTS} times.`, 'media_fetch_failed')
}

/** An address as messages show it. */
export const shortUrl = (url: string): string => (url.length > 100 ? `${url.slice(0, 97)}…` : url)

function open(url: URL, policy: FetchPolicy, signal: AbortSignal): Promise<IncomingMessage> {
  if (!/^https?:$/.test(url.protocol)) throw unsupportedScheme(url.href)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const named = policy.domains?.includes(host) ?? false
  if (policy.domains && !named) throw invalidRequest(`${host} is not among --allowed-media-domains ${policy.domains.join(', ')}.`)
  const guarded = policy.publicOnly && !named
  // An address written as a number is not looked up.
  if (guarded && isIP(host) && isPrivateAddress(host)) throw privateError(host)
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const options = { signal, headers: { accept: '*/*', 'user-agent': 'ocellus' }, ...(guarded && { lookup: publicLookup }) }
    send(url, options, resolve).on('error', reject).end()
  })
}

/** What an address must begin with. */
export const unsupportedScheme = (url: string): Error =>
  invalidRequest(`'${shortUrl(url)}' is no address of media; use http:, https:, data: or, with --allowed-local-media-path, file:.`, {
    code: 'unsupported_url_scheme',
  })

/** Looks a name up and refuses it if any of its addresses is private; the connection goes to the address that was checked. */
const publicLookup: LookupFunction = (host, options, callback) => {
  lookup(host, { ...options, all: true }, (error, addresses) => {
    const bad = addresses?.find(({ address }) => isPrivateAddress(address))
    const first = addresses?.[0]
    if (error || bad || !first) return callback(error ?? privateError(host), '', 0)
    if (options.all) callback(null, addresses)
    else callback(null, first.address, first.family)
  })
}

const privateError = (host: string): NodeJS.ErrnoException =>
  invalidRequest(`${host} is an address of this machine or its network; allow it with --allowed-media-domains ${host}.`)

async function readCapped(response: IncomingMessage, shown: string, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = (): Error => mediaFailure(`${shown} is larger than ${maxBytes / 1e6} MB.`, 'media_too_large')
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) {
    response.destroy()
    throw tooLarge()
  }
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of response as AsyncIterable<Uint8Array>) {
    bytes += piece.length
    if (bytes > maxBytes) throw tooLarge()
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
