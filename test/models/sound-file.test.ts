import { describe, expect, it } from 'vitest'
import type { Sound } from '../../src/media/sound.ts'
import { decodeSoundFile } from '../../src/media/sound-file.ts'
import { decodeWav } from '../../src/media/wav.ts'
import { failure, golden } from '../support/decode.ts'
import { flacFile, silentFlac } from '../support/flac-file.ts'
import { floatsOf, makeSoundFile, type SoundPlan, sweep } from '../support/sound-clip.ts'

const bytesOf = async (path: string) => new Uint8Array(await (await golden(path)).arrayBuffer())
const chirp = decodeWav(await bytesOf('inputs/audio/chirp.wav')).channels[0] as Float32Array

/** Correlation of two sounds, the second shifted to the left. */
function correlation(a: Float32Array, b: Float32Array, shift: number): number {
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 100; i < Math.min(a.length, b.length) - 100; i++) {
    const [x, y] = [a[i] as number, b[i + shift] as number]
    ab += x * y
    aa += x * x
    bb += y * y
  }
  return ab / Math.sqrt(aa * bb)
}

/** The shift, of at most 100 samples, at which the second sound is most like the first, and how alike they are there. */
function alignment(a: Float32Array, b: Float32Array): { shift: number; likeness: number } {
  let best = { shift: 0, likeness: -1 }
  for (let shift = -100; shift <= 100; shift++) {
    const likeness = correlation(a, b, shift)
    if (likeness > best.likeness) best = { shift, likeness }
  }
  return best
}

/** Every so many samples of a channel. */
const everyOf = (channel: Float32Array, step: number): Float32Array => channel.filter((_, i) => i % step === 0)

describe('sound in files', () => {
  const exact: [what: string, channels: number, rate: number][] = [
    ['at 16 kHz', 1, 16_000],
    ['at 8 kHz', 1, 8000],
    ['at 44.1 kHz in two channels', 2, 44_100],
    ['at 96 kHz', 1, 96_000],
    ['in six channels', 6, 48_000],
  ]
  for (const [what, channels, rate] of exact) {
    const samples = sweep(Math.round(rate * 0.3), rate, channels)
    const expected: Sound = { rate, channels: samples.map(floatsOf) }
    it(`is read sample for sample: FLAC ${what}`, async () => {
      expect(await decodeSoundFile(flacFile(samples, rate))).toEqual(expected)
    })
    // MOV has 16 bits for a rate.
    for (const container of rate < 2 ** 16 ? (['mov', 'mkv'] as const) : (['mkv'] as const))
      it(`is read sample for sample: PCM in ${container} ${what}`, async () => {
        expect(await decodeSoundFile(await makeSoundFile(samples, { container, codec: 'pcm-s16', rate }))).toEqual(expected)
      })
  }

  it('is read sample for sample: FLAC of another encoder', async () => {
    expect(await decodeSoundFile(await bytesOf('media/sound/flac.flac'))).toEqual({ rate: 16_000, channels: [chirp] })
  })

  // What the browser's own encoder writes: its last packet may be filled up with silence.
  const opus: [what: string, plan: Partial<SoundPlan>, channels: number][] = [
    ['Ogg', { container: 'ogg' }, 1],
    ['WebM', { container: 'webm' }, 1],
    ['MP4', { container: 'mp4' }, 2],
    ['a video clip', { container: 'webm', withPicture: true }, 2],
  ]
  for (const [what, plan, width] of opus)
    it(`is like what was encoded, at the same place: Opus in ${what}`, async () => {
      const rate = 48_000
      const samples = sweep(rate, rate, width)
      const file = await makeSoundFile(samples, { container: 'ogg', codec: 'opus', rate, ...plan })
      const { channels, ...sound } = await decodeSoundFile(file)
      expect([sound.rate, channels.length]).toEqual([rate, width])
      for (const [i, channel] of channels.entries()) {
        expect(channel.length).toBeGreaterThanOrEqual(rate)
        expect(channel.length).toBeLessThanOrEqual(rate * 1.03)
        const { shift, likeness } = alignment(floatsOf(samples[i] as Int16Array), channel)
        expect(shift).toBe(0)
        expect(likeness).toBeGreaterThan(0.99)
      }
    })

  // The length is the original's, to the sample, because each of these files says what its encoder added.
  const lossy: [file: string, likeness: number, rate: number][] = [
    ['lame.mp3', 0.95, 16_000],
    ['aac.m4a', 0.95, 16_000],
    ['vorbis.ogg', 0.95, 16_000],
    ['vorbis.webm', 0.95, 16_000],
    ['opus.webm', 0.9, 48_000],
    ['opus.mp4', 0.9, 48_000],
  ]
  for (const [file, least, rate] of lossy)
    it(`is as long as what was encoded, and like it: ${file}`, async () => {
      const sound = await decodeSoundFile(await bytesOf(`media/sound/${file}`))
      const [channel] = sound.channels as [Float32Array]
      expect([sound.rate, channel.length]).toEqual([rate, (chirp.length * rate) / 16_000])
      const { shift, likeness } = alignment(chirp, everyOf(channel, rate / 16_000))
      expect(shift).toBe(0)
      expect(likeness).toBeGreaterThan(least)
    })

  it('starts where the file says, with silence of the last packet where it does not say more: AAC in Matroska', async () => {
    const [channel] = (await decodeSoundFile(await bytesOf('media/sound/aac.mkv'))).channels as [Float32Array]
    expect(channel.length).toBe(Math.ceil((chirp.length + 1024) / 1024) * 1024 - 1024)
    expect(alignment(chirp, channel).shift).toBe(0)
  })

  const whole: [file: string, packet: number, delay: number][] = [
    ['untagged.mp3', 576, 1105],
    ['aac.aac', 1024, 1024],
  ]
  for (const [file, packet, delay] of whole)
    it(`keeps what the encoder added where the file says nothing of it: ${file}`, async () => {
      const [channel] = (await decodeSoundFile(await bytesOf(`media/sound/${file}`))).channels as [Float32Array]
      expect(channel.length % packet).toBe(0)
      expect(channel.length).toBeGreaterThanOrEqual(chirp.length + delay)
      expect(alignment(chirp, channel.subarray(delay)).shift).toBe(0)
    })
})

describe('what is no sound', () => {
  const text = (words: string) => new TextEncoder().encode(words)
  type Bytes = Uint8Array<ArrayBuffer>
  const rows: [what: string, bytes: () => Promise<Bytes> | Bytes, message: RegExp][] = [
    ['nothing', () => new Uint8Array(0), /^MediaError: The audio is empty \(0 bytes\); allowed are WAV, MP3, FLAC/],
    ['an HTML page', () => text('<!doctype html><p>Sign in'), /^MediaError: The audio is an HTML page/],
    ['a playlist', () => text('#EXTM3U\n#EXTINF:10,\nhttps://host.invalid/1.ts\n'), /^MediaError: The audio is in no known format/],
    ['noise', () => Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) >> 3), /^MediaError: The audio is in no known format/],
    [
      'a codec that the browser lacks',
      () => bytesOf('media/sound/alac.m4a'),
      /^MediaError: The audio is of the codec alac.*; send it as WAV/,
    ],
    ['a file without packets', () => flacFile([new Int16Array(0)], 16_000), /^MediaError: The audio/],
    ['an Ogg file cut within its header', async () => (await bytesOf('media/sound/vorbis.ogg')).slice(0, 60), /^MediaError: The audio/],
    ['an MP4 file cut before its index', async () => (await bytesOf('media/sound/aac.m4a')).slice(0, 1000), /^MediaError: The audio/],
    [
      'Vorbis whose packets are overwritten',
      async () => (await bytesOf('media/sound/vorbis.webm')).fill(0xff, 6000, 8500),
      /^MediaError: The audio/,
    ],
  ]
  for (const [what, bytes, message] of rows)
    it(`is refused: ${what}`, async () => {
      expect(await failure(decodeSoundFile(await bytes()))).toMatch(message)
    })

  const cut: [file: string, message: RegExp][] = [
    ['lame.mp3', /is cut off: it says it is 1\.\d+ s long, but holds 0\.\d+ s\. Send the whole file\./],
    ['flac.flac', /is cut off: it says it is 1\.3\d s long, but holds 0\.\d+ s/],
    ['aac.m4a', /is cut off: its part /],
    ['opus.mp4', /is cut off: its part /],
    ['vorbis.webm', /is cut off: its part /],
    ['aac.mkv', /is cut off: its part /],
    ['vorbis.ogg', /is a damaged or incomplete file/],
  ]
  for (const [file, message] of cut)
    it(`is refused when it is cut off: ${file}`, async () => {
      const bytes = await bytesOf(`media/sound/${file}`)
      expect(await failure(decodeSoundFile(bytes.slice(0, bytes.length * 0.6)))).toMatch(message)
    })

  it('is what there is of it where nothing says that there was more: AAC alone', async () => {
    const bytes = await bytesOf('media/sound/aac.aac')
    const [whole] = (await decodeSoundFile(bytes)).channels as [Float32Array]
    const [part] = (await decodeSoundFile(bytes.slice(0, bytes.length * 0.6))).channels as [Float32Array]
    expect(part.length).toBeGreaterThan(whole.length / 2)
    expect(part).toEqual(whole.subarray(0, part.length))
  })

  it('is refused: a clip without sound', async () => {
    const { makeClip } = await import('../support/video-clip.ts')
    expect(await failure(decodeSoundFile(await makeClip({ frames: 2 })))).toMatch(/^MediaError: The audio has no sound that can be read/)
  })

  it('is refused when it is too long, however small', async () => {
    const bytes = silentFlac(200, 16_000, 1)
    expect(bytes.length).toBeLessThan(10_000)
    expect(await failure(decodeSoundFile(bytes))).toMatch(/^MediaError: The audio is \d+ s long; at most 600 s are taken/)
  })

  it('is refused when it takes too much memory, however small', async () => {
    const error = await failure(decodeSoundFile(silentFlac(150, 48_000, 8)))
    expect(error).toMatch(/^MediaError: The audio is [\d.]+ s of 8 channels at 48000 Hz, \d+ bytes once decoded; at most 268435456/)
  })

  it('is given up when the request is aborted, before and within the decoding', async () => {
    const file = flacFile(sweep(80_000, 16_000), 16_000)
    const packets = Math.ceil(80_000 / 4096)
    for (const after of [0, packets + 3]) {
      let asked = 0
      // Aborted from a certain time on, counted in the times that it is asked.
      const signal = {
        get aborted() {
          return asked++ >= after
        },
      } as AbortSignal
      expect(await failure(decodeSoundFile(file, { signal }))).toMatch(/^AbortError/)
      expect(asked).toBeLessThanOrEqual(after + 2)
    }
  })
})
