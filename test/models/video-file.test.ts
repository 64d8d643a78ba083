import { describe, expect, it } from 'vitest'
import { decodeVideo } from '../../src/media/video-file.ts'
import { readFrameSampling } from '../../src/media/video-sampling.ts'
import { failure } from '../support/decode.ts'
import { type ClipPlan, makeClip, numberOf } from '../support/video-clip.ts'

const decode = (
  bytes: Uint8Array<ArrayBuffer>,
  reading: Record<string, unknown> = {},
  options: { maxPixels?: number; signal?: AbortSignal } = {},
) => decodeVideo(bytes, { sampling: readFrameSampling(reading), ...options })
const numbersOf = async (plan: ClipPlan, reading: Record<string, unknown> = {}): Promise<number[]> =>
  (await decode(await makeClip(plan), reading)).map(numberOf)
const count = (length: number): number[] => Array.from({ length }, (_, i) => i)

describe('the frames of a clip in a file', () => {
  const rows: [what: string, plan: ClipPlan, reading: Record<string, unknown>, numbers: number[]][] = [
    ['every one of a short WebM clip', { frames: 30 }, {}, count(30)],
    ['32 of a longer one', { frames: 63 }, {}, count(32).map((i) => 2 * i)],
    ['as many as num_frames asks for', { frames: 50 }, { num_frames: 6 }, [0, 9, 19, 29, 39, 49]],
    ['all for -1', { frames: 40 }, { num_frames: -1 }, count(40)],
    ['at fps, of the length that the clip has', { frames: 50, fps: 25 }, { num_frames: -1, fps: 3 }, [0, 9, 19, 29, 39, 49]],
    ['one alone', { frames: 5 }, { num_frames: 1 }, [0]],
    ['of a clip of one frame', { frames: 1 }, {}, [0]],
    ['far from a key frame', { frames: 40, keyEvery: 1000 }, { num_frames: 3 }, [0, 19, 39]],
    ['at uneven times by number, not by time', { frames: 6, times: [0, 0.1, 0.2, 0.3, 2, 5] }, { num_frames: 3 }, [0, 2, 5]],
    ['of VP9 in MP4', { frames: 30, container: 'mp4', codec: 'vp9', fps: 30 }, { num_frames: 4 }, [0, 9, 19, 29]],
    ['of AV1 in MP4', { frames: 12, container: 'mp4', codec: 'av1', fps: 30 }, { num_frames: 4 }, [0, 3, 7, 11]],
  ]
  for (const [what, plan, reading, numbers] of rows)
    it(what, async () => {
      expect(await numbersOf(plan, reading)).toEqual(numbers)
    })

  it('have the clip’s own size and colours', async () => {
    const [frame] = await decode(await makeClip({ frames: 2, width: 96, height: 48 }), { num_frames: 1 })
    expect([frame?.width, frame?.height]).toEqual([96, 48])
    const [red = 0, green = 0, blue = 0] = frame?.data ?? []
    expect(red > 180 && green < 80 && blue < 80).toBe(true)
  })

  it('are turned as the file says', async () => {
    const [frame] = await decode(await makeClip({ frames: 1, container: 'mp4', codec: 'vp9', rotation: 90 }))
    expect([frame?.width, frame?.height]).toEqual([64, 128])
    // What was the upper left corner is now the upper right one.
    const [red = 0, green = 0] = frame?.data.subarray(63 * 3) ?? []
    expect(red > 180 && green < 80).toBe(true)
  })
})

describe('what is no clip', () => {
  const text = (words: string) => new TextEncoder().encode(words)
  const rows: [what: string, bytes: () => Promise<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer>, message: RegExp][] = [
    ['nothing', () => new Uint8Array(0), /^MediaError: The video is empty/],
    ['an HTML page', () => text('<!doctype html><p>Sign in'), /^MediaError: The video is an HTML page.*; allowed are MP4/],
    ['a playlist', () => text('#EXTM3U\n#EXTINF:10,\nhttps://host.invalid/1.ts\n'), /^MediaError: The video is in no known format/],
    ['noise', () => Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) >> 3), /^MediaError: The video is in no known format/],
    ['a WebM clip cut within its header', async () => (await makeClip({ frames: 8 })).slice(0, 60), /^MediaError: The video (is|has)/],
    [
      'an MP4 clip cut off after its index',
      async () => {
        const clip = await makeClip({ frames: 40, container: 'mp4', codec: 'vp9' })
        return clip.slice(0, clip.length / 2)
      },
      /^MediaError: The video/,
    ],
    [
      'a clip whose frames are overwritten',
      async () => {
        const clip = await makeClip({ frames: 20, container: 'mp4', codec: 'vp9', width: 256, height: 256 })
        return clip.fill(0x55, clip.length / 2)
      },
      /^MediaError: The video is a? ?damaged or incomplete/,
    ],
  ]
  for (const [what, bytes, message] of rows)
    it(`is refused: ${what}`, async () => {
      expect(await failure(decode(await bytes()))).toMatch(message)
    })

  it('is refused: a file of sound', async () => {
    const wav = await (await fetch('/test/goldens/inputs/audio/voice.wav')).arrayBuffer()
    expect(await failure(decode(new Uint8Array(wav)))).toMatch(/^MediaError: The video/)
  })

  it('is refused when its frames are too large, before they are decoded', async () => {
    const clip = await makeClip({ frames: 2 })
    expect(await failure(decode(clip, {}, { maxPixels: 100 }))).toMatch(/^MediaError: A frame of the video is 128×64 pixels/)
  })

  it('is refused when it is too long', async () => {
    expect(await failure(decode(await makeClip({ frames: 2, times: [0, 700] })))).toMatch(
      /^MediaError: The video is 70\d s long; at most 600 s/,
    )
  })

  it('is given up when the request is aborted', async () => {
    const clip = await makeClip({ frames: 60 })
    const controller = new AbortController()
    const work = decode(clip, { num_frames: -1 }, { signal: controller.signal })
    controller.abort()
    expect(await failure(work)).toMatch(/^AbortError/)
  })
})
