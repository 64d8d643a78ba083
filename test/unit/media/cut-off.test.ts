import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Cut, findCut } from '../../../src/media/cut-off.ts'

const folder = new URL('../../goldens/inputs/video/clips/', import.meta.url)
const files = readdirSync(folder).filter((name) => /\.(mp4|mov|mkv|webm)$/.test(name))
const read = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, folder)))

/** Lengths at which a file can be cut without it being seen, from 8 bytes on. */
const unseen = (bytes: Uint8Array): number[] =>
  Array.from({ length: bytes.length - 8 }, (_, i) => i + 8).filter((length) => findCut(bytes.subarray(0, length)) === undefined)

describe('findCut', () => {
  it.each(files)('finds %s whole', (name) => {
    expect(findCut(read(name))).toBe(undefined)
  })

  it.each(files.filter((name) => name !== 'fragments.mp4' && name !== 'live.webm'))('sees every cut of %s', (name) => {
    expect(unseen(read(name))).toEqual([])
  })

  it('misses only cuts between the fragments and blocks of files without a length', () => {
    const fragments = read('fragments.mp4')
    const view = new DataView(fragments.buffer)
    const ends: number[] = []
    for (let at = 0; at < fragments.length; at += view.getUint32(at)) ends.push(at)
    // Index, first fragment and its pictures are needed. Less than a box's head at the end may be anything.
    const heads = ends.slice(4).flatMap((end) => Array.from({ length: 8 }, (_, i) => end + i))
    expect(unseen(fragments)).toEqual(heads.filter((length) => length < fragments.length))
    const live = unseen(read('live.webm'))
    expect(live.length).toBeGreaterThan(3)
    expect(live.length).toBeLessThan(40)
  })

  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
  const box = (size: number, type: string, length = size): number[] => [
    ...[24, 16, 8, 0].map((shift) => (size >>> shift) & 255),
    ...[...type].map((letter) => letter.charCodeAt(0)),
    ...new Array<number>(Math.max(0, length - 8)).fill(0),
  ]
  const rows: [what: string, file: Uint8Array, cut: Cut | undefined][] = [
    ['nothing', bytes(), undefined],
    ['noise', bytes(1, 2, 3, 4, 5, 6, 7, 8, 9), undefined],
    ['a box that goes on', bytes(...box(8, 'moov'), ...box(100, 'mdat', 20)), { part: 'mdat', end: 108 }],
    ['a box to the end of the file', bytes(...box(8, 'moov'), ...box(0, 'mdat', 20)), undefined],
    ['a long box', bytes(...box(8, 'moov'), ...box(1, 'mdat', 8), 0, 0, 0, 1, 0, 0, 0, 0), { part: 'mdat', end: 8 + 2 ** 32 }],
    ['the size of a long box', bytes(...box(8, 'moov'), ...box(1, 'mdat', 12)), { part: 'mdat', end: undefined }],
    ['no index', bytes(...box(12, 'ftyp'), ...box(12, 'mdat')), { part: 'moov', end: undefined }],
    ['no pictures', bytes(...box(12, 'ftyp'), ...box(12, 'moov')), { part: 'mdat', end: undefined }],
    ['half a head of the pictures', bytes(...box(8, 'moov'), 0, 0, 1), { part: 'mdat', end: undefined }],
    ['other things behind', bytes(...box(8, 'moov'), ...box(1000, '\0\0\0\0', 20)), undefined],
    ['a size that is none', bytes(...box(8, 'moov'), ...box(5, 'mdat', 20)), undefined],
    ['an element that goes on', bytes(0x1a, 0x45, 0xdf, 0xa3, 0x84, 0, 0, 0), { part: 'EBML', end: 9 }],
    [
      'half an element’s size',
      bytes(0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x18, 0x53, 0x80, 0x67, 0x01, 0, 0),
      { part: 'element', end: undefined },
    ],
    ['an id that is none', bytes(0x1a, 0x45, 0xdf, 0xa3, 0x80, 0, 0, 0), undefined],
  ]
  for (const [what, file, cut] of rows)
    it(`tells of ${what}`, () => {
      expect(findCut(file)).toEqual(cut)
    })
})
