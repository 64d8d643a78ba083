import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mediaLimitsOf } from '../../../src/engine/media-limits.ts'
import { type KeyedByKind, MediaPreparer } from '../../../src/engine/prepare-media.ts'
import type { AnyFamily, MediaKind, PreparedMedia } from '../../../src/models/family.ts'
import type { EngineOptions } from '../../../src/protocol/engine-api.ts'
import type { WireAudio, WireImage, WireMedia } from '../../../src/protocol/media.ts'
import { mediaError } from '../../../src/util/errors.ts'

/** An item whose first input value is the picture's shade. */
const prepared = (kind: MediaKind, tokens: number, shade: number, bytes = 4): PreparedMedia => ({
  kind,
  tokens,
  grid: [1, 1, tokens],
  inputs: { patches: { data: new Float32Array(bytes / 4).fill(shade, 0, 1), shape: [bytes / 4] } },
})

interface Sizes {
  kinds?: MediaKind[]
  /** Bytes of a prepared item. */
  bytes?: number
}

function makeFamily({ kinds = ['image', 'video'], bytes = 4 }: Sizes): AnyFamily {
  return {
    kinds,
    prepareImage(_config: unknown, image: { width: number; data: Uint8Array }) {
      if (image.width === 13) throw mediaError('The family takes no 13.')
      return prepared('image', image.width, image.data[0] ?? 0, bytes)
    },
    prepareAudio(_config: unknown, { channels }: { channels: Float32Array[] }) {
      if (channels[0]?.[0] === 13) throw mediaError('The family takes no 13.')
      const [first = 0] = channels[0] ?? []
      // A piece for each sample.
      return Array.from({ length: channels[0]?.length ?? 0 }, (_, i) => ({
        ...prepared('audio', 1, first, bytes),
        ...(i > 0 && { continues: true }),
      }))
    },
    prepareVideo: (_config: unknown, frames: { data: Uint8Array }[]) => prepared('video', frames.length, frames[0]?.data[0] ?? 0, bytes),
    prepareEmbeds: (_config: unknown, kind: MediaKind, tensors: Record<string, { data: Float32Array; shape: readonly number[] }>) =>
      Object.values(tensors).flatMap(({ data, shape }) => Array.from({ length: shape[0] ?? 0 }, (_, i) => prepared(kind, 1, data[i] ?? 0))),
  } as unknown as AnyFamily
}

const make = (options: Partial<EngineOptions> = {}, sizes: Sizes = {}): MediaPreparer =>
  new MediaPreparer({
    family: makeFamily(sizes),
    config: {},
    limits: mediaLimitsOf(options),
    reading: options.media_io_kwargs ?? {},
    maxTokens: 64,
  })

const prepare = async (media: WireMedia, using = make(), options = {}, signal = new AbortController().signal): Promise<KeyedByKind> =>
  (await using.prepare(media, options, signal)).items

const picture = (shade: number, uuid?: string, width = 1): WireImage => ({
  kind: 'rgba',
  width,
  height: 1,
  data: new Uint8ClampedArray(width * 4).fill(shade),
  ...(uuid !== undefined && { uuid }),
})
const left = (uuid: string): WireImage => ({ kind: 'cached', uuid })
const url = (address: string): WireImage => ({ kind: 'url', url: address })
const shadesOf = (keyed: KeyedByKind, kind: MediaKind = 'image') => keyed[kind]?.map(({ media }) => media.inputs['patches']?.data[0])
const failure = (work: Promise<unknown>): Promise<{ name: string; message: string; code?: string }> =>
  work.then(
    () => ({ name: 'nothing', message: 'it succeeded' }),
    (error: Error) => error,
  )

let server: Server
let base = ''
let fetches = 0
beforeAll(async () => {
  server = createServer((request, response) => {
    fetches++
    if (request.url === '/page') response.end('<!doctype html><p>Sign in')
    if (request.url === '/drawing') response.end('<svg xmlns="http://www.w3.org/2000/svg"/>')
    if (request.url === '/large') response.end(Buffer.alloc(2000))
    if (request.url === '/missing') response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

describe('media with a uuid', () => {
  it('may be left out later, in any order and more than once', async () => {
    const using = make()
    const first = await prepare({ image: [picture(1, 'a'), picture(2, 'b')] }, using)
    const again = await prepare({ image: [left('b'), picture(3), left('a'), left('b')] }, using)
    expect(shadesOf(again)).toEqual([2, 3, 1, 2])
    expect(again.image?.[2]?.key).toBe(first.image?.[0]?.key)
  })

  it('may be left out beside itself in one request', async () => {
    expect(shadesOf(await prepare({ image: [left('a'), picture(7, 'a'), left('a')] }))).toEqual([7, 7, 7])
  })

  it('is what was sent last under it', async () => {
    const using = make()
    const before = await prepare({ image: [picture(1, 'a')] }, using)
    const after = await prepare({ image: [picture(2, 'a')] }, using)
    expect(after.image?.[0]?.key === before.image?.[0]?.key).toBe(false)
    expect(shadesOf(await prepare({ image: [left('a')] }, using))).toEqual([2])
  })

  it('works for clips and embeddings, each kind with names of its own', async () => {
    const using = make()
    await prepare(
      {
        image: [{ kind: 'embeds', uuid: 'x', tensors: { image_embeds: { data: Float32Array.of(4, 5), shape: [2, 1] } } }],
        video: [{ kind: 'frames', uuid: 'x', frames: [picture(6), picture(7)] }],
      },
      using,
    )
    const again = await prepare({ image: [left('x')], video: [{ kind: 'cached', uuid: 'x' }] }, using)
    expect([shadesOf(again), shadesOf(again, 'video')]).toEqual([[4, 5], [6]])
  })

  it('is told when it is not known, was prepared otherwise, or had to make room, before anything is fetched', async () => {
    const using = make({}, { bytes: 100 * 2 ** 20 })
    await prepare({ image: [picture(1, 'a')] }, using, { max_pixels: 5 })
    const before = fetches
    const unknown =
      /^(The image|image 2 of 2) was left out, but nothing is kept under its uuid "[ab]".*Send its content again, with the uuid/
    expect(await failure(prepare({ image: [url(`${base}/page`), left('b')] }, using))).toMatchObject({ name: 'InvalidRequestError' })
    expect((await failure(prepare({ image: [left('b')] }, using))).message).toMatch(unknown)
    expect((await failure(prepare({ image: [left('a')] }, using))).message).toMatch(unknown)
    expect(shadesOf(await prepare({ image: [left('a')] }, using, { max_pixels: 5 }))).toEqual([1])
    await prepare({ image: [picture(2), picture(3)] }, using)
    expect((await failure(prepare({ image: [left('a')] }, using, { max_pixels: 5 }))).message).toMatch(unknown)
    expect(fetches).toBe(before)
    expect((await failure(prepare({ image: [{ kind: 'cached' }] }))).message).toMatch(/^The image has neither content nor a uuid/)
  })

  it('is a whole clip’s, never a frame’s', async () => {
    const clip = { kind: 'frames' as const, frames: [left('a')] }
    expect((await failure(prepare({ video: [clip] }))).message).toMatch(/^frame 1 of The video has no content; only a whole clip/)
  })
})

describe('what is refused has its code', () => {
  const rows: [
    what: string,
    media: () => WireMedia,
    options: Partial<EngineOptions>,
    name: string,
    code: string | undefined,
    message: RegExp,
  ][] = [
    [
      'a clip over the limit',
      () => ({ video: [{ kind: 'url', url: `${base}/large` }] }),
      { max_media_bytes: { video: 1999 } },
      'MediaError',
      'media_too_large',
      /larger than/,
    ],
    [
      'a clip as a file',
      () => ({ video: [{ kind: 'blob', blob: new Blob(['x']) }] }),
      {},
      'MediaError',
      'invalid_video',
      /in no known format .*; allowed are MP4/,
    ],
    [
      'sound for a model without ears, file or not',
      () => ({ audio: [{ kind: 'url', url: `${base}/large` }] }),
      {},
      'InvalidRequestError',
      undefined,
      /^This model takes no audio; it takes image and video\.$/,
    ],
    [
      'too many pictures, before any is fetched',
      () => ({ image: [url(`${base}/page`), url(`${base}/page`)] }),
      { limit_mm_per_prompt: { image: 1 } },
      'InvalidRequestError',
      'too_many_images',
      /^At most 1 image\(s\).*got 2/,
    ],
    [
      'too many clips',
      () => ({ video: [{ kind: 'frames', frames: [picture(1)] }] }),
      { limit_mm_per_prompt: { video: 0 } },
      'InvalidRequestError',
      'too_many_videos',
      /^At most 0 video/,
    ],
    [
      'embeddings of too many pictures',
      () => ({ image: [{ kind: 'embeds', tensors: { image_embeds: { data: new Float32Array(3), shape: [3, 1] } } }] }),
      { limit_mm_per_prompt: { image: 2 } },
      'InvalidRequestError',
      'too_many_images',
      /got 3/,
    ],
    ['a web page', () => ({ image: [url(`${base}/page`)] }), {}, 'MediaError', 'invalid_image', /HTML page/],
    ['a drawing', () => ({ image: [url(`${base}/drawing`)] }), {}, 'MediaError', 'invalid_image', /SVG drawing/],
    [
      'a text as a frame',
      () => ({ video: [{ kind: 'frames', frames: [url('data:,hello')] }] }),
      {},
      'MediaError',
      'invalid_video',
      /no known format/,
    ],
    ['what the family does not take', () => ({ image: [picture(1, undefined, 13)] }), {}, 'MediaError', 'invalid_image', /no 13/],
    ['an absent file', () => ({ image: [url(`${base}/missing`)] }), {}, 'MediaError', 'media_fetch_failed', /404/],
    [
      'a body over the limit',
      () => ({ image: [url(`${base}/large`)] }),
      { max_media_bytes: { image: 1999 } },
      'MediaError',
      'media_too_large',
      /larger than/,
    ],
    [
      'a file over the limit',
      () => ({ image: [{ kind: 'blob', blob: new Blob([new Uint8Array(20)]) }] }),
      { max_media_bytes: { image: 19 } },
      'MediaError',
      'media_too_large',
      /^The image is a file of 20 bytes; at most 19/,
    ],
    [
      'pixels over the limit',
      () => ({ image: [picture(1, undefined, 5)] }),
      { max_image_pixels: 4 },
      'MediaError',
      'media_too_large',
      /5×1 pixels/,
    ],
    [
      'a host that says nothing',
      () => ({ image: [url(`${base}/silent`)] }),
      { media_fetch_timeout: { image: 0.05 } },
      'MediaError',
      'media_timeout',
      /within 0\.05 s/,
    ],
    [
      'a host that is not allowed',
      () => ({ image: [url(`${base}/page`)] }),
      { allowed_media_domains: ['example.org'] },
      'InvalidRequestError',
      undefined,
      /not among allowed_media_domains \(example\.org\)/,
    ],
    ['another scheme', () => ({ image: [url('file:///etc/passwd')] }), {}, 'MediaError', 'unsupported_url_scheme', /a page cannot read/],
  ]
  for (const [what, media, options, name, code, message] of rows) {
    it(what, async () => {
      const before = fetches
      const error = await failure(prepare(media(), make(options)))
      expect({ name: error.name, code: error.code }).toEqual({ name, code })
      expect(error.message).toMatch(message)
      if (name === 'InvalidRequestError' || code === 'invalid_video') expect(fetches).toBe(before)
    })
  }

  const samples = (...channels: number[][]): WireAudio => ({
    kind: 'samples',
    channels: channels.map((channel) => Float32Array.from(channel)),
    sampling_rate: 8000,
  })
  const sounds: [what: string, sound: WireAudio, options: Partial<EngineOptions>, code: string, message: RegExp][] = [
    [
      'sound of another format',
      { kind: 'blob', blob: new Blob(['x']) },
      {},
      'invalid_audio',
      /^The audio is in no known format \(it begins with 78\); allowed are WAV, MP3, FLAC/,
    ],
    ['a page in place of a sound', { kind: 'url', url: '/page' }, {}, 'invalid_audio', /^The audio is an HTML page/],
    ['a missing sound', { kind: 'url', url: '/missing' }, {}, 'media_fetch_failed', /404/],
    [
      'too large a sound',
      { kind: 'blob', blob: new Blob(['xxx']) },
      { max_media_bytes: { audio: 2 } },
      'media_too_large',
      /at most 2 are allowed/,
    ],
    ['a sound without samples', samples([]), {}, 'invalid_audio', /has no samples/],
    ['channels of different lengths', samples([1], [1, 2]), {}, 'invalid_audio', /channels of different lengths/],
    ['what the family refuses', samples([13]), {}, 'invalid_audio', /The family takes no 13/],
  ]
  for (const [what, sound, options, code, message] of sounds) {
    it(`${what}, for a model that hears`, async () => {
      const placed = sound.kind === 'url' ? { ...sound, url: base + sound.url } : sound
      const error = await failure(prepare({ audio: [placed] }, make(options, { kinds: ['audio'] })))
      expect(error).toMatchObject({ name: 'MediaError', code })
      expect(error.message).toMatch(message)
    })
  }
})

describe('sounds', () => {
  const sound = (value: number, uuid?: string): WireAudio => ({
    kind: 'samples',
    channels: [Float32Array.of(value)],
    sampling_rate: 8000,
    ...(uuid !== undefined && { uuid }),
  })

  it('come in their order, known by their content and their uuid', async () => {
    const using = make({}, { kinds: ['audio'] })
    const keyed = await prepare({ audio: [sound(1), sound(2, 'two'), sound(1)] }, using)
    expect(shadesOf(keyed, 'audio')).toEqual([1, 2, 1])
    expect(keyed.audio?.[0]?.key).toBe(keyed.audio?.[2]?.key)
    expect(keyed.audio?.[0]?.key).not.toBe(keyed.audio?.[1]?.key)
    expect(shadesOf(await prepare({ audio: [{ kind: 'cached', uuid: 'two' }] }, using), 'audio')).toEqual([2])
  })

  it('that are long come in several pieces, each known by itself, and count once', async () => {
    const long: WireAudio = { kind: 'samples', channels: [Float32Array.of(3, 0, 0)], sampling_rate: 8000, uuid: 'long' }
    const using = make({ limit_mm_per_prompt: { audio: 2 } }, { kinds: ['audio'] })
    const keyed = await prepare({ audio: [long, sound(4)] }, using)
    expect(keyed.audio?.map(({ media }) => media.continues)).toEqual([undefined, true, true, undefined])
    const keys = keyed.audio?.map(({ key }) => key)
    expect(new Set(keys).size).toBe(4)
    const again = await prepare(
      {
        audio: [
          { kind: 'cached', uuid: 'long' },
          { ...long, uuid: 'other' },
        ],
      },
      using,
    )
    expect(again.audio?.map(({ key }) => key)).toEqual([...(keys ?? []).slice(0, 3), ...(keys ?? []).slice(0, 3)])
  })

  it('are counted', async () => {
    const using = make({ limit_mm_per_prompt: { audio: 1 } }, { kinds: ['audio'] })
    expect(await failure(prepare({ audio: [sound(1), sound(2)] }, using))).toMatchObject({ code: 'too_many_audios' })
  })
})

describe('several media', () => {
  it('come in their order', async () => {
    const image = [1, 2, 3, 4, 5].map((shade) => picture(shade))
    expect(shadesOf(await prepare({ image }))).toEqual([1, 2, 3, 4, 5])
  })

  it('end with the first that fails, and a slow host holds up nobody else', async () => {
    const using = make()
    const slow = Array.from({ length: 4 }, () => url(`${base}/silent`))
    const leaving = new AbortController()
    const waiting = failure(prepare({ image: slow }, using, {}, leaving.signal))
    expect(await failure(prepare({ image: [...slow.slice(2), url(`${base}/missing`)] }, using))).toMatchObject({
      code: 'media_fetch_failed',
    })
    expect(shadesOf(await prepare({ image: [picture(1)] }, using))).toEqual([1])
    leaving.abort()
    expect(await waiting).toMatchObject({ name: 'AbortError' })
  })
})
