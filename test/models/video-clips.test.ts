import { describe, expect, it } from 'vitest'
import { orientImage } from '../../src/media/orient.ts'
import type { RgbImage } from '../../src/media/rgb-image.ts'
import { decodeVideo } from '../../src/media/video-file.ts'
import { readFrameSampling } from '../../src/media/video-sampling.ts'
import { maxError } from '../support/compare.ts'
import { failure, golden } from '../support/decode.ts'
import { type ClipPlan, makeClip, numberOf } from '../support/video-clip.ts'

type Bytes = Uint8Array<ArrayBuffer>

const fileOf = async (name: string): Promise<Bytes> => new Uint8Array(await (await golden(`inputs/video/clips/${name}`)).arrayBuffer())
const decode = (bytes: Bytes, num_frames = -1): Promise<RgbImage[]> => decodeVideo(bytes, { sampling: readFrameSampling({ num_frames }) })
const from = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i)

describe('frames of files by other programs, by their numbers', () => {
  const rows: [file: string, numbers: number[]][] = [
    ['b-frames.mp4', from(0, 29)],
    ['b-frames.mov', from(0, 29)],
    ['b-frames.mkv', from(0, 29)],
    ['b-frames.mpegts', from(0, 29)],
    ['fragments.mp4', from(0, 29)],
    ['edit-list.mp4', from(8, 29)],
    ['trimmed-end.mp4', from(8, 17)],
    ['late-start.mp4', from(0, 29)],
    ['variable-rate.mp4', from(0, 15)],
    ['live.webm', from(0, 29)],
    ['long-sound.mkv', from(0, 29)],
    ['h264-444.mp4', from(0, 3)],
    ['h264-10bit.mp4', from(0, 3)],
  ]
  for (const [file, numbers] of rows)
    it(file, async () => {
      const bytes = await fileOf(file)
      expect((await decode(bytes)).map(numberOf)).toEqual(numbers)
      const last = numbers.length - 1
      const three = [0, Math.floor(last / 2), last].map((i) => numbers[i])
      expect((await decode(bytes, 3)).map(numberOf)).toEqual(three)
    })

  it('are turned by a display matrix, exactly', async () => {
    const [upright, turned] = [await decode(await fileOf('b-frames.mp4'), 3), await decode(await fileOf('rotated.mp4'), 3)]
    expect(turned.map(({ width, height }) => [width, height])).toEqual([
      [64, 128],
      [64, 128],
      [64, 128],
    ])
    for (const [i, frame] of turned.entries()) expect(maxError(frame.data, orientImage(upright[i] as RgbImage, 8).data)).toBe(0)
  })

  it('are taken at fps of the time that is shown', async () => {
    const at = async (file: string, fps: number) =>
      (await decodeVideo(await fileOf(file), { sampling: readFrameSampling({ num_frames: -1, fps }) })).map(numberOf)
    // 1 s, 3 s and 3.4 s long.
    expect(await at('trimmed-end.mp4', 2)).toEqual([8, 17])
    expect(await at('long-sound.mkv', 1)).toEqual([0, 14, 29])
    expect((await at('variable-rate.mp4', 2)).length).toBe(6)
  })
})

describe('what cannot be read here is refused by its name', () => {
  it.each([
    ['mpeg4.mp4', /^MediaError: The video is of the codec mp4v \(MPEG-4 Part 2\), which this browser cannot decode; send it as H\.264/],
    ['prores.mov', /^MediaError: The video is of the codec apco \(ProRes\)/],
    ['mjpeg.mov', /^MediaError: The video is of the codec jpeg \(Motion JPEG\)/],
    ['two-stretches.mp4', /^MediaError: The video has an edit list that puts 2 stretches together, .*save it anew as it plays/],
    ['mpeg4.avi', /^MediaError: The video is an AVI file; allowed are MP4, MOV, WebM, MKV and MPEG-TS clips/],
    ['theora.ogv', /^MediaError: The video is an Ogg file/],
    ['sorenson.flv', /^MediaError: The video is a Flash video \(FLV\)/],
  ])('%s', async (file, message) => {
    expect(await failure(decode(await fileOf(file)))).toMatch(message)
  })
})

describe('a clip that was cut off', () => {
  const STEPS = 24
  const made = (plan: ClipPlan) => () => makeClip(plan)
  const kept = (name: string) => () => fileOf(name)
  /** `ends`: files that may end between two parts without a sign that there were more. */
  const rows: [what: string, bytes: () => Promise<Bytes>, ends: boolean][] = [
    ['MP4 with its index at the end', kept('b-frames.mp4'), false],
    ['MOV', kept('b-frames.mov'), false],
    ['MKV', kept('b-frames.mkv'), false],
    ['MP4 in fragments', kept('fragments.mp4'), true],
    ['WebM without a length', kept('live.webm'), true],
    ['WebM', made({ frames: 30 }), false],
    ['MP4 with its index in front', made({ frames: 30, container: 'mp4', codec: 'vp9' }), false],
  ]
  for (const [what, make, ends] of rows)
    it(`is refused wherever it was cut: ${what}`, async () => {
      const bytes = await make()
      const found = new Set<string>()
      for (let i = 1; i < STEPS; i++) {
        const cut = bytes.slice(0, Math.round((bytes.length * i) / STEPS))
        const message = await failure(decode(cut))
        found.add(message?.replace(/^MediaError: The video (is cut off|has no frames).*/, '$1') ?? 'read')
        // What is read without an error is the beginning, frame by frame.
        if (message === undefined) {
          const numbers = (await decode(cut)).map(numberOf)
          expect(numbers).toEqual(from(0, numbers.length - 1))
        }
      }
      expect(found.has('is cut off')).toBe(true)
      expect([...found].filter((each) => !['is cut off', ...(ends ? ['has no frames', 'read'] : [])].includes(each))).toEqual([])
    })

  it('is read as far as it goes in MPEG-TS, which is made to be cut', async () => {
    const bytes = await fileOf('b-frames.mpegts')
    const numbers = (await decode(bytes.slice(0, bytes.length * 0.6))).map(numberOf)
    expect(numbers).toEqual(from(0, 16))
  })

  it('says what is missing', async () => {
    const bytes = await fileOf('b-frames.mp4')
    expect(await failure(decode(bytes.slice(0, bytes.length - 1)))).toBe(
      `MediaError: The video is cut off: its part moov ends at byte ${bytes.length}, but the file has ${bytes.length - 1} bytes. Send the whole file.`,
    )
    const index = new TextDecoder('latin1').decode(bytes).indexOf('moov') - 4
    expect(await failure(decode(bytes.slice(0, index)))).toMatch(/cut off: its part moov is missing or incomplete, but the file has/)
  })
})
