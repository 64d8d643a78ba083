import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type FetchPolicy, fetchMedia, isPrivateAddress } from '../../../cli/fetch-media.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const open: FetchPolicy = { publicOnly: false }
const guarded: FetchPolicy = { publicOnly: true }

const failure = (url: string, policy: FetchPolicy): Promise<string> =>
  fetchMedia(url, policy).then(
    (bytes) => `nothing: ${bytes.length} bytes`,
    (error: Error) => `${error.name}: ${error.message}`,
  )

describe('isPrivateAddress', () => {
  const cases: [address: string, isPrivate: boolean][] = [
    ['127.0.0.1', true],
    ['10.1.2.3', true],
    ['172.31.255.255', true],
    ['172.32.0.1', false],
    ['192.168.0.1', true],
    ['169.254.169.254', true],
    ['0.0.0.0', true],
    ['8.8.8.8', false],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['::ffff:7f00:1', true],
    ['fd00::1', true],
    ['fe80::1', true],
    ['fec0::1', true],
    ['::7f00:1', true],
    ['64:ff9b:1::7f00:1', true],
    ['2002:7f00:1::', true],
    ['2606:4700::1111', false],
  ]
  for (const [address, isPrivate] of cases)
    it(`${address} is ${isPrivate ? '' : 'not '}private`, () => expect(isPrivateAddress(address)).toBe(isPrivate))
})

describe('fetchMedia', () => {
  it('gives the bytes, over redirects', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/old') response.writeHead(302, { location: '/new' }).end()
      else response.end('picture')
    })
    expect(Buffer.from(await fetchMedia(`${url}/old`, open)).toString()).toBe('picture')
  })

  it('refuses private addresses, by number, by name and behind a redirect, unless the host is named', async () => {
    const url = await serve((_, response) => response.end('secret'))
    const port = new URL(url).port
    expect(await failure(url, guarded)).toMatch(/^InvalidRequestError: 127\.0\.0\.1 is an address of this machine/)
    expect(await failure(`http://localhost:${port}`, guarded)).toMatch(/^InvalidRequestError: localhost is an address of this machine/)
    const named = { publicOnly: true, domains: ['127.0.0.1'] }
    expect((await fetchMedia(url, named)).length).toBe(6)
    const redirect = await serve((_, response) => response.writeHead(302, { location: `http://localhost:${port}/` }).end())
    expect(await failure(redirect, named)).toMatch(/^InvalidRequestError: localhost is not among --allowed-media-domains 127\.0\.0\.1/)
  })

  it('says what the host answered instead of a picture', async () => {
    const url = await serve((_, response) => response.writeHead(404).end())
    expect(await failure(url, open)).toMatch(/^MediaError: .* answered 404/)
  })

  it('stops at 25 MB, announced or not', async () => {
    const announced = await serve((_, response) => response.writeHead(200, { 'content-length': 30e6 }).write('x'))
    expect(await failure(announced, open)).toMatch(/^MediaError: .* larger than 25 MB/)
    const silent = await serve((_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1e6)));
      }
      response.on('drain', more)
      more()
    })
    expect(await failure(silent, open)).toMatch(/^MediaError: .* larger than 25 MB/)
  })

  it('holds each kind of media to its own time and size', async () => {
    const drip = await serve((_, response) => {
      const timer = setInterval(() => response.write('x'), 20)
      response.on('close', () => clearInterval(timer))
    })
    const tight: FetchPolicy = { publicOnly: false, timeouts: { audio: 0.2 }, maxBytes: { image: 10 } }
    const code = (modality: 'image' | 'audio'): Promise<string> =>
      fetchMedia(drip, tight, { modality }).then(
        () => 'nothing',
        (error) => error.code,
      )
    expect(await code('audio')).toBe('media_timeout')
    expect(await code('image')).toBe('media_too_large')
  })

  it('ends with its caller, for the caller’s reason', async () => {
    const silent = await serve(() => {})
    const controller = new AbortController()
    const fetched = fetchMedia(silent, open, { signal: controller.signal })
    const reason = new Error('client gone')
    controller.abort(reason)
    expect(await fetched.catch((error) => error)).toBe(reason)
  })

  it('gives up on redirects in a circle and on hosts that are not there', async () => {
    const circle = await serve((_, response) => response.writeHead(302, { location: '/' }).end())
    expect(await failure(circle, open)).toMatch(/^MediaError: .* redirects more than 5 times/)
    expect(await failure('http://127.0.0.1:9/', open)).toMatch(/^MediaError: .* cannot be fetched/)
    expect(await failure('ftp://host/x.png', open)).toMatch(/^InvalidRequestError: 'ftp:\/\/host\/x\.png' is no address of media/)
  })
})
