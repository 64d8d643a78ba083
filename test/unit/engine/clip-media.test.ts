import { describe, expect, it } from 'vitest'
import { mediaLimitsOf } from '../../../src/engine/media-limits.ts'
import { checkReading, type MediaReading, samplingOf } from '../../../src/engine/media-reading.ts'
import { MediaPreparer } from '../../../src/engine/prepare-media.ts'
import type { AnyFamily, PreparedMedia } from '../../../src/models/family.ts'
import { clipTags } from '../../../src/models/llava-processor.ts'
import type { EngineOptions } from '../../../src/protocol/engine-api.ts'
import type { WireImage, WireMedia, WireVideo } from '../../../src/protocol/media.ts'

const TOKENS = 4
let prepared = 0

const item = (kind: 'image' | 'video', tokens: number): PreparedMedia => ({ kind, tokens, grid: [], inputs: {} })
const prepareImage = () => {
  prepared++
  return item('image', TOKENS)
}

/** Families that see clips as pictures, and as clips. */
const pictures = { kinds: ['image', 'video'], clipTags, prepareImage } as unknown as AnyFamily
const clips = {
  kinds: ['image', 'video'],
  prepareImage,
  prepareVideo: (_config: unknown, frames: unknown[]) => item('video', frames.length),
} as unknown as AnyFamily

const make = (family: AnyFamily, options: Partial<EngineOptions> = {}, maxTokens = 64): MediaPreparer =>
  new MediaPreparer({ family, config: {}, limits: mediaLimitsOf(options), reading: options.media_io_kwargs ?? {}, maxTokens })

const prepare = (using: MediaPreparer, media: WireMedia, reading: MediaReading = {}, options = {}) =>
  using.prepare(media, options, new AbortController().signal, reading)

const picture = (shade: number): WireImage => ({ kind: 'rgba', width: 1, height: 1, data: new Uint8ClampedArray(4).fill(shade) })
const clip = (shades: number[], uuid?: string): WireVideo => ({
  kind: 'frames',
  frames: shades.map(picture),
  ...(uuid !== undefined && { uuid }),
})
const left = (uuid: string): WireVideo => ({ kind: 'cached', uuid })
const failure = (work: Promise<unknown>): Promise<{ name: string; message: string; code?: string }> =>
  work.then(
    () => ({ name: 'nothing', message: 'it succeeded' }),
    (error: Error) => error,
  )

describe('clips that are pictures', () => {
  it('are known by their frames, as if these were given as pictures', async () => {
    const using = make(pictures)
    const before = prepared
    const { items, clips: found } = await prepare(using, { image: [picture(2)], video: [clip([1, 2]), clip([3])] })
    const [alone] = (await prepare(using, { image: [picture(3)] })).items.image ?? []
    expect(found.map((frames) => frames.length)).toEqual([2, 1])
    expect(found[0]?.[1]?.key).toBe(items.image?.[0]?.key)
    expect(found[1]?.[0]?.key).toBe(alone?.key)
    expect(items.video).toBe(undefined)
    expect(prepared - before).toBe(3)
  })

  it('may be left out later by their uuid, also in the same request', async () => {
    const using = make(pictures)
    const first = await prepare(using, { video: [left('a'), clip([1, 2], 'a')] })
    expect(first.clips[0]).toEqual(first.clips[1])
    const again = await prepare(using, { video: [clip([5]), left('a')] })
    expect(again.clips.map((frames) => frames.length)).toEqual([1, 2])
    expect(again.clips[1]?.map(({ key }) => key)).toEqual(first.clips[0]?.map(({ key }) => key))
  })

  it('count as clips, whatever their frames', async () => {
    const using = make(pictures, { limit_mm_per_prompt: { image: 1, video: 1 } })
    expect((await prepare(using, { image: [picture(1)], video: [clip([1, 2, 3])] })).clips[0]?.length).toBe(3)
    expect(await failure(prepare(using, { video: [clip([1]), clip([2])] }))).toMatchObject({ code: 'too_many_videos' })
  })

  it('are refused after the first frame when all would never fit, with what would', async () => {
    const using = make(pictures, {}, 10)
    const before = prepared
    const error = await failure(prepare(using, { video: [clip([101, 102, 103])] }))
    expect(error.name).toBe('ContextLengthError')
    expect(error.message).toMatch(/^The video has 3 frames.*4 tokens each, 12 in all, but max_model_len is 10; ask for at most 2 frames/)
    expect(prepared - before).toBe(1)
  })

  it('are refused as embeddings', async () => {
    const embeds = { kind: 'embeds' as const, tensors: { video_embeds: { data: new Float32Array(4), shape: [1, 4] } } }
    expect((await failure(prepare(make(pictures), { video: [embeds] }))).message).toMatch(
      /give the embeddings of its frames as image_embeds/,
    )
  })
})

describe('a clip’s uuid', () => {
  for (const [what, family] of [
    ['of a family with clips', clips],
    ['of one that takes pictures', pictures],
  ] as const)
    it(`${what} stands for it as it was read and prepared`, async () => {
      const using = make(family, { media_io_kwargs: { video: { num_frames: 4 } } })
      await prepare(using, { video: [clip([1, 2], 'a')] })
      const others: [MediaReading, object][] = [
        [{ video: { num_frames: 8 } }, {}],
        [{ video: { num_frames: -1 } }, {}],
        [{ video: { fps: 2 } }, {}],
        [{}, { max_pixels: 5 }],
      ]
      for (const [reading, options] of others) {
        const error = await failure(prepare(using, { video: [left('a')] }, reading, options))
        expect(error.message).toMatch(/nothing is kept under its uuid "a".*other mm_processor_kwargs or media_io_kwargs/)
      }
      // Said by the engine or by the request, it is the same.
      expect(await failure(prepare(using, { video: [left('a')] }, { video: { num_frames: 4, fps: -1 } }))).toMatchObject({
        name: 'nothing',
      })
      expect(await failure(prepare(using, { video: [left('a')] }, { image: { any: 1 } }))).toMatchObject({ name: 'nothing' })
    })
})

describe('media_io_kwargs', () => {
  it('of a request override the engine’s key by key', () => {
    const engine = { video: { num_frames: 8, fps: 2 } }
    expect(samplingOf(engine, undefined)).toEqual({ frames: 8, fps: 2 })
    expect(samplingOf(engine, { video: { num_frames: 3 } })).toEqual({ frames: 3, fps: 2 })
    expect(samplingOf(engine, { video: { fps: -1 } })).toEqual({ frames: 8, fps: undefined })
    expect(samplingOf({}, { audio: {} })).toEqual({ frames: 32, fps: undefined })
  })

  it.each([
    [3, /must be an object such as/],
    [{ video: [] }, /media_io_kwargs\.video must be an object/],
    [{ video: { num_frames: 1.5 } }, /num_frames must be a whole number from 1 to 768/],
  ])('%j are refused', (given, message) => {
    expect(() => checkReading(given)).toThrow(message)
  })
})
