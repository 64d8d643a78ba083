import { describe, expect, it } from 'vitest'
import { decodeWav, isWav } from '../../../src/media/wav.ts'

interface WavParts {
  tag?: number
  bits?: number
  channels?: number
  rate?: number
  /** Interleaved samples as bytes. */
  data?: readonly number[]
  /** What the data chunk says of its size. */
  said?: number
  extensible?: boolean
  id?: string
  /** A chunk between format and samples. */
  extra?: readonly number[]
}

const word = (value: number, bytes: number): number[] => Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) % 256)
const text = (value: string): number[] => [...value].map((letter) => letter.charCodeAt(0))

function wav(parts: WavParts): Uint8Array {
  const { tag = 1, bits = 16, channels = 1, rate = 16000, data = [0, 0], extensible = false, id = 'RIFF', extra } = parts
  const form = [
    ...word(extensible ? 0xfffe : tag, 2),
    ...word(channels, 2),
    ...word(rate, 4),
    ...word((rate * channels * bits) / 8, 4),
    ...word((channels * bits) / 8, 2),
    ...word(bits, 2),
    ...(extensible ? [...word(22, 2), ...word(bits, 2), ...word(0, 4), ...word(tag, 2), ...new Array(14).fill(0)] : []),
  ]
  const list = extra ? [...text('LIST'), ...word(extra.length, 4), ...extra, ...new Array(extra.length % 2).fill(0)] : []
  const chunks = [
    ...text('fmt '),
    ...word(form.length, 4),
    ...form,
    ...list,
    ...text('data'),
    ...word(parts.said ?? data.length, 4),
    ...data,
  ]
  return Uint8Array.from([...text(id), ...word(chunks.length + 4, 4), ...text('WAVE'), ...chunks])
}

const bytesOf = (array: Float32Array | Float64Array): number[] => [...new Uint8Array(array.buffer)]
const samplesOf = (bytes: Uint8Array): number[][] => decodeWav(bytes).channels.map((channel) => [...channel])

describe('decodeWav', () => {
  const cases: [what: string, parts: WavParts, channels: number[][]][] = [
    ['8 bits, which are unsigned', { bits: 8, data: [0, 128, 255] }, [[-1, 0, 127 / 128]]],
    ['16 bits', { data: [0, 128, 255, 255, 0, 64] }, [[-1, -1 / 32768, 0.5]]],
    ['24 bits', { bits: 24, data: [0, 0, 128, 255, 255, 255, 0, 0, 64] }, [[-1, -(2 ** -23), 0.5]]],
    ['32 bits', { bits: 32, data: [0, 0, 0, 128, 0, 0, 0, 64] }, [[-1, 0.5]]],
    ['floats', { tag: 3, bits: 32, data: bytesOf(Float32Array.of(0.25, -1.5)) }, [[0.25, -1.5]]],
    ['doubles', { tag: 3, bits: 64, data: bytesOf(Float64Array.of(0.25, -0.5)) }, [[0.25, -0.5]]],
    // ITU-T G.711: 0xd5 and 0x55 are the smallest values, 0xaa and 0x2a the largest; for µ-law 0xff is 0, 0x80 and 0x00 are the largest.
    ['A-law', { tag: 6, bits: 8, data: [0xd5, 0x55, 0xaa, 0x2a] }, [[8, -8, 32256, -32256].map((value) => value / 32768)]],
    ['µ-law', { tag: 7, bits: 8, data: [0xff, 0x80, 0x00] }, [[0, 32124 / 32768, -32124 / 32768]]],
    [
      'two channels',
      { channels: 2, data: [0, 64, 0, 128, 0, 32, 0, 0] },
      [
        [0.5, 0.25],
        [-1, 0],
      ],
    ],
    ['six channels', { channels: 6, bits: 8, data: [0, 64, 128, 160, 192, 224] }, [[-1], [-0.5], [0], [0.25], [0.5], [0.75]]],
    ['the extensible form', { extensible: true, data: [0, 64] }, [[0.5]]],
    ['a chunk of odd length in between', { extra: [1, 2, 3], data: [0, 64] }, [[0.5]]],
    ['a stream that does not know its length', { said: 0xffffffff, data: [0, 64, 0, 32] }, [[0.5, 0.25]]],
    ['RF64', { id: 'RF64', said: 0xffffffff, data: [0, 64] }, [[0.5]]],
    ['a file cut within a sample', { said: 100, data: [0, 64, 7] }, [[0.5]]],
  ]
  for (const [what, parts, channels] of cases) it(`reads ${what}`, () => expect(samplesOf(wav(parts))).toEqual(channels))

  it('gives the rate, and reads from the middle of a buffer', () => {
    const file = wav({ rate: 22050, data: [0, 64] })
    const larger = new Uint8Array(file.length + 10)
    larger.set(file, 7)
    expect(decodeWav(larger.subarray(7, 7 + file.length))).toEqual({ rate: 22050, channels: [Float32Array.of(0.5)] })
  })

  const bad: [what: string, bytes: Uint8Array, message: RegExp][] = [
    ['no bytes', new Uint8Array(0), /^Clip 2 is no WAV file/],
    ['a file of another kind', Uint8Array.from(text('OggS............')), /^Clip 2 is no WAV file/],
    ['a file cut before its samples', wav({}).subarray(0, 36), /without samples; it may be cut off/],
    ['no samples', wav({ data: [] }), /^Clip 2 has no samples/],
    ['an encoding that is not read', wav({ tag: 2, bits: 4 }), /samples of format 2 and 4 bits; PCM/],
    ['a rate of 0', wav({ rate: 0 }), /sampling rate of 0/],
    ['no channels', wav({ channels: 0 }), /0 channels; it must have 1 to 64/],
    ['a format that is cut off', wav({}).subarray(0, 30), /damaged WAV file/],
    ['more than 600 s', wav({ bits: 8, rate: 1000, data: new Array(601_000).fill(0) }), /^Clip 2 is 601 s long; at most 600 s are taken/],
  ]
  for (const [what, bytes, message] of bad) {
    it(`refuses ${what}`, () => {
      const decode = (): unknown => decodeWav(bytes, 'Clip 2')
      expect(decode).toThrow(message)
      expect(decode).toThrow(expect.objectContaining({ name: 'MediaError' }))
    })
  }

  it('refuses samples before their format', () => {
    const file = Uint8Array.from([...text('RIFF'), ...word(14, 4), ...text('WAVE'), ...text('data'), ...word(2, 4), 0, 64])
    expect(() => decodeWav(file)).toThrow(/samples come before their format/)
  })
})

describe('isWav', () => {
  it('looks at the first bytes', () => {
    expect(isWav(wav({}))).toBe(true)
    expect(isWav(Uint8Array.from(text('RIFF....WEBP')))).toBe(false)
  })
})
