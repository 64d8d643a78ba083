import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readMp4EditSeconds } from '../../../src/media/mp4-edit.ts'
import { readMp3Padding } from '../../../src/media/sound-mp3-tag.ts'
import { readWebmPadding } from '../../../src/media/sound-webm-padding.ts'

const file = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(`../../goldens/media/sound/${name}`, import.meta.url)))
const text = (value: string): number[] => [...value].map((letter) => letter.charCodeAt(0))
const word = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** (bytes - 1 - i)) % 256)
const zeros = (length: number): number[] => new Array<number>(length).fill(0)

describe('readMp3Padding', () => {
  interface Parts {
    version?: number
    mode?: number
    sideInfo?: number
    flags?: number
    fields?: number
    encoder?: string
    before?: readonly number[]
  }
  const mp3 = ({
    version = 0xfb,
    mode = 0,
    sideInfo = 32,
    flags = 15,
    fields = 112,
    encoder = 'LAME3.100',
    before = [],
  }: Parts): Uint8Array =>
    Uint8Array.from([
      ...before,
      ...[0xff, version, 0x90, mode << 6],
      ...zeros(sideInfo),
      ...text('Xing'),
      ...word(flags, 4),
      ...zeros(fields),
      ...text(encoder),
      ...zeros(12),
      // 576 samples in front, 1105 behind.
      ...[0x24, 0x04, 0x51],
      ...zeros(30),
    ])
  const id3 = [...text('ID3'), 4, 0, 0x10, 0, 0, 1, 2, ...zeros(130), ...zeros(10)]
  const rows: [what: string, parts: Parts][] = [
    ['MPEG-1 in two channels', {}],
    ['MPEG-1 in one channel', { mode: 3, sideInfo: 17 }],
    ['MPEG-2 in two channels', { version: 0xf3, sideInfo: 17 }],
    ['MPEG-2 in one channel', { version: 0xf3, mode: 3, sideInfo: 9 }],
    ['a table of frames alone', { flags: 1, fields: 4 }],
    ['another encoder', { encoder: 'Lavc62.11' }],
    ['a tag of titles in front', { before: id3 }],
  ]
  for (const [what, parts] of rows)
    it(`adds the decoder's delay to the encoder's, and takes it from the end: ${what}`, () => {
      expect(readMp3Padding(mp3(parts))).toEqual({ start: 576 + 529, end: 1105 - 529 })
    })

  it.each<[what: string, bytes: Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['an encoder that leaves no tag', mp3({ encoder: '\0\0\0\0' })],
    ['a file cut within the tag', mp3({}).subarray(0, 165)],
    ['no frame', Uint8Array.from(text('fLaC and so on'))],
    ['a tag of titles without an end', Uint8Array.from([...text('ID3'), 4, 0, 0, 127, 127, 127, 127])],
    ['a file without a table', file('untagged.mp3')],
  ])('is undefined for %s', (_, bytes) => {
    expect(readMp3Padding(bytes)).toBeUndefined()
  })
})

describe('readMp4EditSeconds', () => {
  const box = (type: string, ...body: readonly number[]): number[] => [...word(body.length + 8, 4), ...text(type), ...body]
  const mvhd = box('mvhd', ...zeros(12), ...word(1000, 4), ...zeros(80))
  const tkhd = (id: number): number[] => box('tkhd', ...zeros(12), ...word(id, 4), ...zeros(64))
  const edit = (duration: number, start: number): number[] => [...word(duration, 4), ...word(start >>> 0, 4), 0, 1, 0, 0]
  const elst = (...edits: readonly number[][]): number[] =>
    box('edts', ...box('elst', 0, 0, 0, 0, ...word(edits.length, 4), ...edits.flat()))
  const long = box(
    'edts',
    ...box('elst', 1, 0, 0, 0, ...word(1, 4), ...word(0, 4), ...word(2500, 4), ...word(0, 4), ...word(9, 4), 0, 1, 0, 0),
  )
  const trak = (id: number, ...rest: readonly number[]): number[] => box('trak', ...tkhd(id), ...rest)
  const mp4 = (...traks: readonly number[][]): Uint8Array =>
    Uint8Array.from([...box('ftyp', ...text('M4A ')), ...box('mdat', ...zeros(50)), ...box('moov', ...mvhd, ...traks.flat())])
  it.each<[what: string, bytes: Uint8Array, seconds: number | undefined]>([
    ['one stretch', mp4(trak(2, ...elst(edit(1315, 1024)))), 1.315],
    ['one stretch after a pause', mp4(trak(2, ...elst(edit(500, -1), edit(1315, 1024)))), 1.315],
    ['times of 64 bits', mp4(trak(2, ...long)), 2.5],
    ['the stretch of its own track', mp4(trak(1, ...elst(edit(9000, 0))), trak(2, ...elst(edit(1315, 0)))), 1.315],
    ['a list of another track', mp4(trak(1, ...elst(edit(9000, 0))), trak(2)), undefined],
    ['two stretches', mp4(trak(2, ...elst(edit(500, 0), edit(1315, 1024)))), undefined],
    ['a stretch of unknown length', mp4(trak(2, ...elst(edit(0, 1024)))), undefined],
    ['no list', mp4(trak(2)), undefined],
    ['a list that says it is endless', mp4(trak(2, ...box('edts', ...box('elst', 0, 0, 0, 0, ...word(0xffffffff, 4))))), undefined],
    ['a cut file', mp4(trak(2, ...elst(edit(1315, 1024)))).subarray(0, 300), undefined],
    ['nothing', new Uint8Array(0), undefined],
  ])('reads %s', (_, bytes, seconds) => {
    expect(readMp4EditSeconds(bytes, 2)).toBe(seconds)
  })

  it('reads a list of ffmpeg', () => {
    expect(readMp4EditSeconds(file('aac.m4a'), 1)).toBe(1.315)
  })
})

describe('readWebmPadding', () => {
  const element = (id: number[], ...body: readonly number[]): number[] => [...id, 0x40 | (body.length >> 8), body.length & 255, ...body]
  const [SEGMENT, CLUSTER, TRACKS, TRACK] = [[0x18, 0x53, 0x80, 0x67], [0x1f, 0x43, 0xb6, 0x75], [0x16, 0x54, 0xae, 0x6b], [0xae]]
  const track = (number: number, delay: number): number[] =>
    element(TRACK, ...element([0xd7], number), ...element([0x56, 0xaa], ...word(delay, 4)))
  const group = (number: number, padding: number): number[] =>
    element([0xa0], ...element([0xa1], 0x80 | number, 0, 0, 0, 1, 2), ...element([0x75, 0xa2], ...word(padding, 4)))
  const simple = (number: number): number[] => element([0xa3], 0x80 | number, 0, 0, 0, 1, 2)
  const tracks = element(TRACKS, ...track(1, 1e9), ...track(2, 6.5e6))
  const webm = (...blocks: readonly number[][]): Uint8Array =>
    Uint8Array.from(element(SEGMENT, ...element([0xec], ...zeros(9)), ...tracks, ...element(CLUSTER, ...blocks.flat())))
  it.each<[what: string, bytes: Uint8Array, end: number]>([
    ['the last block of its own', webm(group(2, 5e6), group(2, 13.5e6), group(1, 9e6)), 0.0135],
    ['a padding that is no longer the last block’s', webm(group(2, 5e6), simple(2)), 0],
    ['a block of another track', webm(simple(2), group(1, 9e6)), 0],
    ['a padding below 0, which belongs to the start', webm(group(2, 0xfff00000)), 0],
    [
      'a stream whose sizes are unknown',
      Uint8Array.from([...SEGMENT, 0xff, ...tracks, ...CLUSTER, 0x01, ...new Array<number>(7).fill(0xff), ...simple(2), ...group(2, 1e6)]),
      0.001,
    ],
  ])('takes from the end what belongs to %s', (_, bytes, end) => {
    expect(readWebmPadding(bytes, 2)).toEqual({ start: 0.0065, end })
  })

  it.each<[what: string, bytes: Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['bytes of 0', new Uint8Array(1000)],
    ['noise', Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) >> 3)],
  ])('is 0 for %s', (_, bytes) => {
    expect(readWebmPadding(bytes, 2)).toEqual({ start: 0, end: 0 })
  })

  it('reads what ffmpeg writes: 312 samples in front, and the rest of the last packet', () => {
    const { start, end } = readWebmPadding(file('opus.webm'), 1)
    expect([start, end].map((seconds) => Math.round(seconds * 48_000))).toEqual([312, 66 * 960 + 960 - 312 - 63_120])
  })
})
