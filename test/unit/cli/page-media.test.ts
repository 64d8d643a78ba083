import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FileServer, startFileServer } from '../../../cli/file-server.ts'
import { type MediaPolicy, serveMedia } from '../../../cli/page-media.ts'

const folder = mkdtempSync(join(tmpdir(), 'ocellus-'))
const file = join(folder, 'a.png')
writeFileSync(file, 'from a file')
const asked: string[] = []
let media: Server
let place: string
let server: FileServer
beforeAll(async () => {
  media = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.end(`from ${request.url}`)
  })
  await new Promise<void>((resolve) => media.listen(0, '127.0.0.1', resolve))
  place = `http://127.0.0.1:${(media.address() as AddressInfo).port}`
  server = await startFileServer()
})
afterAll(async () => {
  media.close()
  await server.close()
})

const open: MediaPolicy = { publicOnly: false, localRoot: folder }
const body = (...content: unknown[]) => ({
  messages: [
    { role: 'system', content: 'Look.' },
    { role: 'user', content },
  ],
})
const read = async (url: unknown): Promise<string> => (await fetch(String(url))).text()

interface Refusal {
  message: string
  code?: string
  param?: string
}
const refusal = (request: unknown, policy: MediaPolicy): Promise<Refusal> =>
  serveMedia(request, server, policy).then(
    () => ({ message: 'nothing' }),
    (error) => error,
  )

describe('serveMedia', () => {
  it('replaces every kind of address by one of ours, and leaves data and all else as it is', async () => {
    const parts = {
      remote: { type: 'image_url', image_url: { url: `${place}/1`, detail: 'high' } },
      local: { type: 'image', image: pathToFileURL(file).href },
      data: { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
      input: { type: 'input_image', image_url: `${place}/2` },
      video: { type: 'video_url', video_url: { url: `${place}/3` } },
      frames: { type: 'video', video: [`${place}/4`, 'data:image/png;base64,BBBB'] },
      audio: { type: 'audio_url', audio_url: { url: `${place}/5` } },
      untyped: { image_url: { url: `${place}/8` } },
      unset: { type: null, video_url: { url: `${place}/9` } },
      seen: { type: 'image_url', image_url: null, uuid: 'x' },
      bare: { type: 'image_url', image_url: `${place}/6` },
      text: { type: 'text', text: `${place}/7` },
    }
    const request = body(...Object.values(parts))
    const { changed, release } = await serveMedia(request, server, open)
    expect(changed).toBe(true)
    expect(await read(parts.remote.image_url.url)).toBe('from /1')
    expect(parts.remote.image_url.detail).toBe('high')
    expect(await read(parts.local.image)).toBe('from a file')
    expect(parts.data.image_url.url).toBe('data:image/png;base64,AAAA')
    expect(await read(parts.input.image_url)).toBe('from /2')
    expect(await read(parts.video.video_url.url)).toBe('from /3')
    expect(await read(parts.frames.video[0])).toBe('from /4')
    expect(parts.frames.video[1]).toBe('data:image/png;base64,BBBB')
    expect(await read(parts.audio.audio_url.url)).toBe('from /5')
    expect(await read(parts.untyped.image_url.url)).toBe('from /8')
    expect(await read(parts.unset.video_url.url)).toBe('from /9')
    for (const { url } of [parts.untyped.image_url, parts.unset.video_url]) expect(url.startsWith(server.page)).toBe(true)
    expect([parts.bare.image_url, parts.text.text]).toEqual([`${place}/6`, `${place}/7`])
    const address = parts.remote.image_url.url
    release()
    expect((await fetch(address)).status).toBe(404)
  })

  it('puts the addresses that were used back into messages', async () => {
    const parts = Array.from({ length: 12 }, (_, i) => ({ type: 'image', image: `${place}/n${i}` }))
    const { rename, release } = await serveMedia(body(...parts), server, open)
    const message = parts.map(({ image }) => `${image} is broken`).join(', ')
    expect(rename(message)).toBe(parts.map((_, i) => `${place}/n${i} is broken`).join(', '))
    release()
  })

  it('fetches nothing where a limit is passed', async () => {
    const before = asked.length
    const image = { type: 'image_url', image_url: { url: `${place}/x` } }
    const many = await refusal(body(image, { ...image }, { type: 'image', image: 'x' }), { ...open, limits: { image: 2 } })
    expect([many.code, many.param]).toEqual(['too_many_images', 'messages'])
    expect(many.message).toMatch(/3 images, but at most 2/)
    const audio = { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }
    expect((await refusal(body(image, audio), { ...open, limits: { audio: 0 } })).code).toBe('too_many_audios')
    expect((await refusal(body({ type: 'video', video: [`${place}/y`] }), { ...open, limits: { video: 0 } })).code).toBe('too_many_videos')
    expect(asked.length).toBe(before)
  })

  it('names the field whose address it refuses', async () => {
    const cases: [part: object, param: string, code: string | undefined][] = [
      [{ type: 'image_url', image_url: { url: 'blob:http://x/1' } }, 'messages[1].content[0].image_url.url', 'unsupported_url_scheme'],
      [{ type: 'image', image: 'x.png' }, 'messages[1].content[0].image', 'unsupported_url_scheme'],
      [{ type: 'video', video: ['data:,', 'ftp://x/1'] }, 'messages[1].content[0].video[1]', 'unsupported_url_scheme'],
      [{ type: 'video_url', video_url: { url: 'file:///etc/passwd' } }, 'messages[1].content[0].video_url.url', undefined],
      [{ type: 'audio_url', audio_url: { url: 'http://127.0.0.1:9/' } }, 'messages[1].content[0].audio_url.url', 'media_fetch_failed'],
    ]
    for (const [part, param, code] of cases) {
      const refused = await refusal(body(part), open)
      expect([refused.param, refused.code]).toEqual([param, code])
    }
  })

  it('forgets all it has published when one address is refused', async () => {
    const published = new Set<string>()
    const counting: FileServer = {
      ...server,
      publish: (content) => {
        const address = server.publish(content)
        published.add(address)
        return address
      },
      withdraw: (address) => {
        published.delete(address)
        server.withdraw(address)
      },
    }
    const local = Array.from({ length: 40 }, () => ({ type: 'image', image: pathToFileURL(file).href }))
    const refused = await serveMedia(body(local[0], { type: 'image', image: 'ftp://x/1' }, ...local), counting, open).catch(
      (error) => error,
    )
    expect([refused.code, published.size]).toEqual(['unsupported_url_scheme', 0])
  })

  it('leaves bodies of another form to the router', async () => {
    for (const request of [null, 7, [], {}, { messages: 'x' }, { messages: [null, { content: [null, 'x', { type: 'image' }] }] }]) {
      expect((await serveMedia(request, server, open)).changed).toBe(false)
    }
  })
})
