import { lookup } from 'node:dns'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { invalidRequest, mediaFailure } from './local-path.ts'

/** Whose pictures may be fetched. */
export interface FetchPolicy {
  /** Only these hosts, by exact name; undefined is all. A host named here may have a private address. */
  domains?: readonly string[] | undefined
  /** Refuses private, loopback and link-local addresses: for addresses that the user did not type. */
  publicOnly: boolean
}

const MAX_BYTES = 25e6
const MAX_REDIRECTS = 5
/** For the whole of one picture, in milliseconds, as vLLM. */
const TIMEOUT = 5000

const privateRanges = new BlockList()
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
  privateRanges.addSubnet(net, bits, 'ipv4')
}
for (const [net, bits] of [
  ['::', 127],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  privateRanges.addSubnet(net, bits, 'ipv6')
}

/** Whether an IP address is of this machine or its own network. Addresses of IPv4 written as IPv6 count as what they stand for. */
export function isPrivateAddress(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped) return isPrivateAddress(mapped)
  return isIP(address) === 6 ? privateRanges.check(address, 'ipv6') : privateRanges.check(address, 'ipv4')
}

/**
 * The bytes behind an http(s) URL: at most 25 MB, within 5 s, over at most 5 redirects, each checked like the first. Errors:
 * InvalidRequestError for what the policy refuses, MediaError for what the host or the network does not give.
 */
export async function fetchMedia(url: string, policy: FetchPolicy): Promise<Uint8Array> {
  const signal = AbortSignal.timeout(TIMEOUT)
  let next = new URL(url)
  try {
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await open(next, policy, signal)
      const { statusCode: status = 0, headers } = response
      if (status >= 300 && status < 400 && headers.location) {
        response.destroy()
        next = new URL(headers.location, next)
        continue
      }
      if (status !== 200) {
        response.destroy()
        throw mediaFailure(`${url} answered ${status}; expected a picture.`)
      }
      return await readCapped(response, url)
    }
  } catch (error) {
    if (signal.aborted) throw mediaFailure(`${url} took longer than ${TIMEOUT / 1000} s.`)
    if (['MediaError', 'InvalidRequestError'].includes((error as Error).name)) throw error
    throw mediaFailure(`${url} cannot be fetched: ${(error as Error).message || (error as NodeJS.ErrnoException).code}`)
  }
  throw mediaFailure(`${url} redirects more than ${MAX_REDIRECTS} times.`)
}

function open(url: URL, policy: FetchPolicy, signal: AbortSignal): Promise<IncomingMessage> {
  if (!/^https?:$/.test(url.protocol)) throw invalidRequest(`${url.protocol} is no address of a picture; use http:, https: or data:.`)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const named = policy.domains?.includes(host) ?? false
  if (policy.domains && !named) throw invalidRequest(`${host} is not among --allowed-media-domains ${policy.domains.join(', ')}.`)
  const guarded = policy.publicOnly && !named
  // An address written as a number is not looked up.
  if (guarded && isIP(host) && isPrivateAddress(host)) throw privateError(host)
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const options = { signal, headers: { accept: 'image/*,*/*;q=0.8', 'user-agent': 'ocellus' }, ...(guarded && { lookup: publicLookup }) }
    send(url, options, resolve).on('error', reject).end()
  })
}

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

async function readCapped(response: IncomingMessage, url: string): Promise<Uint8Array> {
  const tooLarge = (): Error => mediaFailure(`${url} is larger than ${MAX_BYTES / 1e6} MB.`)
  if (Number(response.headers['content-length'] ?? 0) > MAX_BYTES) {
    response.destroy()
    throw tooLarge()
  }
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of response as AsyncIterable<Uint8Array>) {
    bytes += piece.length
    if (bytes > MAX_BYTES) throw tooLarge()
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
